"""Exports for tests."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from orderflow_recorder.app.export import Exported, export
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.formats import ExportFormat, numbers_for
from orderflow_recorder.export.request import ExportRequest
from orderflow_recorder.export.sidecar import Summary

Observe = Callable[[str, float, int], None]


def wanted(market: Market, *symbols: str, kind: ExportFormat = ExportFormat.PARQUET, **fields: object) -> ExportRequest:
    """Build a request."""
    numbers = numbers_for(kind, None)
    return ExportRequest(**{"market": market, "symbols": symbols, "format": kind, "numbers": numbers} | fields)  # type: ignore[arg-type]  # any field


def run_export(url: str, request: ExportRequest, folder: Path, observe: Observe | None = None) -> Exported:
    """Export, and say nothing of it."""
    return export(url, request, folder, observe or (lambda _name, _done, _total: None))


def summary(folder: Path) -> Summary:
    """Read what an export says of itself."""
    return msgspec.json.decode((folder / "holes.json").read_bytes(), type=Summary)


def data_files(folder: Path) -> dict[str, bytes]:
    """Return the data of an export: everything but what it says of itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_export" not in path.parts and path.name != "holes.json"
    }
