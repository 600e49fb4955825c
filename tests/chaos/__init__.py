"""`make chaos`: members of apply are killed over and over while they apply a long log, and the tables are then compared
with the ground truth, row by row and column by column. How to run it: docs/chaos.md."""
