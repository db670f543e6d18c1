"""The same flood and the same server for other recorders, in an environment of their own."""
