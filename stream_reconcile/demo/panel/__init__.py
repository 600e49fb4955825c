"""The panel of `demo --serve`: buttons on the status page that disturb the demo, and what became of each.

acts       the buttons, in words
scripts    what each does, as the story does things: a generator of what it waits for
desk       where the demo's own process does it, one turn at each look
link       from the process that serves the page to that desk: a socket that only these two hold
healing    when the tables were proven equal again, asked of the database
routes     the panel on the page, and its addresses
__main__   `run --role web` with the panel, as the demo starts it; nothing else can

The program that watches a real broker never loads any of this: there is no setting for it and no route.
"""
