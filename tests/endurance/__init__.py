"""`make overload` and `make soak`: what the program takes, in memory, descriptors and time, when much more comes than
usual, and when much has come. How to run them: docs/endurance.md."""
