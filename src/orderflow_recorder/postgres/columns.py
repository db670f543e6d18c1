"""Columns that several tables share."""

from typing import Any

import sqlalchemy as sa


def text_column(name: str, comment: str, *, nullable: bool = False) -> sa.Column[str]:
    """Return a text column."""
    return sa.Column(name, sa.Text, nullable=nullable, comment=comment)


def id_column(name: str, comment: str, *, nullable: bool = False) -> sa.Column[int]:
    """Return a column of the venue's ids."""
    return sa.Column(name, sa.BigInteger, nullable=nullable, autoincrement=False, comment=comment)


def number_column(name: str, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return an exact number."""
    return sa.Column(name, sa.Numeric, nullable=nullable, comment=comment)


def numbers_column(name: str, comment: str) -> sa.Column[Any]:
    """Return a list of exact numbers."""
    return sa.Column(name, sa.ARRAY(sa.Numeric), nullable=False, comment=comment)


def time_column(name: str, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a time, to the microsecond."""
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def market_column() -> sa.Column[str]:
    """Return the column that says which market."""
    return text_column("market", "spot or usdm (USD-M futures)")


def symbol_column() -> sa.Column[str]:
    """Return the column that says which symbol."""
    return text_column("symbol", "Upper case, as the venue's REST writes it [s]")


def receive_time_column() -> sa.Column[Any]:
    """Return the column of our socket read."""
    return time_column("receive_time", "Our socket read, before parsing; us, our clock")


def execution_columns() -> tuple[sa.Column[Any], ...]:
    """Return what trades and aggregate trades have in common."""
    return (
        number_column("price", "Quote asset per base asset, exact as sent [p]"),
        number_column("quantity", "Base asset, exact as sent [q]"),
        sa.Column("buyer_is_maker", sa.Boolean, nullable=False, comment="True where the aggressor sold [m]"),
        time_column("trade_time", "The match; ms or us as sent, venue's clock [T]"),
        time_column("event_time", "When the venue sent it; null where it came by REST [E]", nullable=True),
        receive_time_column(),
    )


def side_columns() -> tuple[sa.Column[Any], ...]:
    """Return the four lists that books and diffs have in common."""
    return (
        numbers_column("bid_prices", "Bid prices, quote asset; same order as bid_quantities [b, bids]"),
        numbers_column(
            "bid_quantities", "Quantities at bid_prices, base asset; 0 in a diff removes the level [b, bids]"
        ),
        numbers_column("ask_prices", "Ask prices, quote asset; same order as ask_quantities [a, asks]"),
        numbers_column(
            "ask_quantities", "Quantities at ask_prices, base asset; 0 in a diff removes the level [a, asks]"
        ),
    )


def natural_key(table: str, *columns: str) -> sa.Index:
    """Return the unique index of a table."""
    return sa.Index(f"{table}_key", *columns, unique=True)
