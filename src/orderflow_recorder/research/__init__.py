"""Recorded data as Arrow and polars frames, for people who ask questions of it.

Reads the database, changes nothing. Knows the tables, not how they are filled.
"""
