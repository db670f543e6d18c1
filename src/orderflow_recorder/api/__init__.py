"""What people and programs on the network are told: HTTP, WebSocket, and the page.

Reads the database through `orderflow_recorder.research` and the present through `orderflow_recorder.live`.
"""
