"""Pictures of recorded data: charts as data, written as self-contained HTML or PNG.

Reads through `orderflow_recorder.research`; no SQL here.
"""
