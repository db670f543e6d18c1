"""Record the public order flow of Binance into Postgres/TimescaleDB, provably complete."""

from importlib.metadata import version

__version__ = version("orderflow-recorder")
