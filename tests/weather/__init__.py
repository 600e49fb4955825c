"""`make weather`: the promises of the sweep in lost frames, bad REST, crowds, kills, lagging positions, and in no
weather at all. How to run it: docs/weather.md."""
