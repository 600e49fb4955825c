"""The demo: every part for real, faults on schedule, and a verdict against the broker's own books.

director       from the first process to the exit status
story          what goes wrong, and when
programs       the processes: started as a user would, killed and frozen, and gone with this one
place          a folder for one run, and what is left of runs that were killed
figures        what there is to see while it runs
log_contents   what the log holds, counted by reading it
panel          buttons on the status page that disturb it, with --serve
outcome        the verdict, for people and as JSON
terminal       how it is shown: a live view, or lines
"""
