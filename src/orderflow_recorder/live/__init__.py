"""The present: the latest trade, book and day of each symbol, and those who are told when they change.

`TickStore` is where to begin; docs/live.md shows how. Knows records, not where they come from: no file, no socket,
no database here.
"""

from orderflow_recorder.live.hub import Hub
from orderflow_recorder.live.ticks import TickStore
from orderflow_recorder.live.values import Day, LastTrade, Level, Tick, Top

__all__ = ["Day", "Hub", "LastTrade", "Level", "Tick", "TickStore", "Top"]
