"""Postgres and TimescaleDB: tables, schema upgrades, the sink that fills them, and plain reads.

Lives here: everything that speaks SQL or runs a Postgres server. Must not live here: parsing of
frames, the journal, settings; the loader and the composition root bring those together.
"""
