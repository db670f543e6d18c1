"""Recorded data as files that other tools read: Parquet, CSV, hftbacktest, nautilus_trader.

Reads through `orderflow_recorder.research`; knows file formats and where an export stands, no SQL.
"""
