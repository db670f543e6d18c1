"""The formats of an export, and how it writes numbers; light, for the command line."""

from enum import StrEnum
from typing import Final

from orderflow_recorder.domain.errors import SettingsError


class ExportFormat(StrEnum):
    """What reads the files."""

    PARQUET = "parquet"
    CSV = "csv"
    HFTBACKTEST = "hftbacktest"
    NAUTILUS = "nautilus"


class NumberKind(StrEnum):
    """How prices and quantities are written."""

    EXACT = "exact"
    FLOAT = "float"


ROW_FORMATS: Final = (ExportFormat.PARQUET, ExportFormat.CSV)
"""Formats that hold tables as they are; the others hold order flow for a backtest."""


def numbers_for(kind: ExportFormat, wanted: NumberKind | None) -> NumberKind:
    """Return how a format writes numbers.

    Args:
        kind: The format.
        wanted: As what, if that was said.

    Raises:
        SettingsError: The format cannot.
    """
    own = {ExportFormat.HFTBACKTEST: NumberKind.FLOAT, ExportFormat.NAUTILUS: NumberKind.EXACT}.get(kind)
    if own is not None and wanted not in (None, own):
        raise SettingsError(f"--numbers: {kind} holds {own} numbers, got {wanted}")
    return own or wanted or NumberKind.EXACT
