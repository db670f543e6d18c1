"""The journal on disk: append-only segment files, their writer, their readers, their retention.

Bytes in, entries out. What a frame means is not known here; nothing here talks to a venue or a database.
"""
