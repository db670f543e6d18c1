"""Cryptofeed with its own Postgres backend, pointed at a flood; run by the environment of ``make bench-peers``.

It stands alone: that environment has nothing of ours.
"""

import argparse
import asyncio
import os

from cryptofeed import FeedHandler
from cryptofeed.backends.postgres import BookPostgres, TradePostgres
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
from cryptofeed.defines import L2_BOOK, TRADES
from cryptofeed.exchanges import BinanceFutures


def main() -> None:
    """Record until SIGTERM."""
    options = _parser().parse_args()
    where = {
        "host": options.host,
        "port": options.db_port,
        "user": options.user,
        "pw": options.password,
        "db": options.db,
    }
    channel, backend = (TRADES, TradePostgres) if options.kind == "aggTrade" else (L2_BOOK, BookPostgres)
    handler = FeedHandler(config={"uvloop": True, "log": {"filename": os.devnull, "level": "WARNING"}})
    # It has chosen uvloop by now, which no longer makes a loop by itself.
    asyncio.set_event_loop(asyncio.new_event_loop())
    symbols = options.symbols.split(",")
    handler.add_feed(
        _flooded(options.port, options.kind)(symbols=symbols, channels=[channel], callbacks={channel: backend(**where)})
    )
    handler.run()


def _flooded(port: int, kind: str) -> type:
    """Return its Binance futures at the flood's address, and at the venue's routes of 2026."""

    class Flooded(BinanceFutures):  # type: ignore[misc]  # it has no types
        """Binance futures, elsewhere."""

        websocket_endpoints = (
            WebsocketEndpoint(
                f"wss://127.0.0.1:{port}/{'market' if kind == 'aggTrade' else 'public'}",
                options={"compression": None},
            ),
        )
        rest_endpoints = (
            RestEndpoint(
                f"http://127.0.0.1:{port}",
                routes=Routes("/fapi/v1/exchangeInfo", l2book="/fapi/v1/depth?symbol={}&limit={}"),
            ),
        )

        def connect(self) -> list[object]:
            """Take the encryption off, which it insists on in an address."""
            found: list[object] = super().connect()
            for connection, *_ in found:  # type: ignore[misc]  # tuples
                connection.address = connection.address.replace("wss://", "ws://", 1)  # type: ignore[has-type]
            return found

    return Flooded


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of the flood")
    parser.add_argument("--kind", choices=("aggTrade", "depth"), required=True, help="trades or books")
    parser.add_argument("--symbols", required=True, help="comma list, e.g. BTC-USDT-PERP")
    parser.add_argument("--host", required=True, help="of Postgres, or the folder of its socket")
    parser.add_argument("--db-port", type=int, required=True, help="of Postgres")
    parser.add_argument("--user", required=True, help="of Postgres")
    parser.add_argument("--password", help="of that user")
    parser.add_argument("--db", required=True, help="database with its tables")
    return parser


if __name__ == "__main__":
    main()
