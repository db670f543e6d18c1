"""The collector: keeps sockets open, journals every frame, and keeps each book's epoch.

One `Collector` holds one `MarketClient` per market; a client holds socket slots, the books' sync
state and the follower of the symbol list. Nothing here parses prices, knows the venue's wire
format, opens a file or reads a setting: that is behind `orderflow_recorder.ports`.
"""

from orderflow_recorder.collector.collector import Collector
from orderflow_recorder.collector.healer import Healer
from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.market_client import MarketClient
from orderflow_recorder.collector.plan import MarketPlan, SocketTimes

__all__ = ["Collector", "Healer", "Intake", "MarketClient", "MarketPlan", "SocketTimes"]
