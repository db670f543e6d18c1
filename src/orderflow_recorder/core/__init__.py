"""Pure machines: continuity, book synchronisation, liveness, rotation, back-off, batching, budget.

Each takes values and the time, and returns values: effects that the process around it carries out.
Nothing here opens a socket or file, reads a clock, draws a random number or logs. Where a machine
has states, its moves are one table, and a move that the table does not list is an error.
"""
