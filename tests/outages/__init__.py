"""`make outages`: two complete copies of the program while what they stand on breaks, one fault after the other; after
each, the tables are compared with the broker's books. How to run it: docs/outages.md."""
