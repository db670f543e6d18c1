"""The composition root: settings, logs, processes, and the wiring of all other layers.

Only here is the environment read, are processes started and signals handled. No rule of the venue,
the journal or the database lives here.
"""
