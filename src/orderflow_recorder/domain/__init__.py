"""Records, streams, events, positions and errors: the words every other layer speaks.

Nothing here imports another part of this project, does I/O or reads a clock.
"""
