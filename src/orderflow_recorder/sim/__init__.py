"""A simulated Binance: public WebSocket and REST of both markets on one port, with a control channel.

It speaks the venue's protocol from its own reading of the documentation and never uses our venue
client, so that tests of the one against the other are honest. What it sends it also remembers: the
true books and tapes answer REST and judge the recorder. No recording, no storage lives here.
"""
