"""A venue that sends as much as a machine can take, at almost no cost of its own.

It speaks just enough of Binance that a recorder starts, keeps its books in step and finds every stream without a
hole: sockets, control frames, the REST answers that are asked for. Its frames are composed beforehand; while it
runs, only the digits of ids and times are rewritten, many frames at once. Nothing here may import the recorder's
own client, which is what it measures; the dialect is that of the simulator.
"""
