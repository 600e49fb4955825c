"""The jobs themselves in one thread, under one seed and a simulated clock; their surroundings are models.

world.py        time, processes, crashes between any two steps
schedule.py     what happens in a run: the lives of orders, and faults
broker.py       Alpaca: orders, frames, REST
kafka.py        the log, its group, producers and consumers
database.py     Postgres: what each named statement of store/sql does to the tables
processes.py    members of apply, ingest, sweepers, an operator
invariants.py   I1 to I11, at each step and at the end
run.py          one seed; shrink.py: a shorter schedule that fails alike; bugs.py: bugs that must be found
"""
