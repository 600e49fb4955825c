"""An Alpaca to test against: REST and the trade_updates websocket on one port, faults on command, ground truth.

values, instruments, positions   numbers, times and ids; what can be traded; what is held
orders, frames, brokerage        the broker's books: what may happen to an order, and the frame that tells it
tickets, flow, flow_groups       believable orders and lives, as scripts over the books
groups, matching                 what follows within a group; what becomes of a client's order
schedule, history, truth         scripts in virtual time; a history as a pure function; what it adds up to
book, activities, account, lists what REST can ask for
submission, refusals             what REST takes, and how it says no
fault_catalogue, faults          what can go wrong on command, and the log of what did
delivery, sessions, protocols    from the books to the sockets
live                             all of it, alive on one event loop
rest, gate, control, server      the HTTP side
client, runner, command          how tests, programs and people drive it
"""
