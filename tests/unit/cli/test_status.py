"""What ``status`` prints of the storage."""

import pytest

from orderflow_recorder.app.status import Status
from orderflow_recorder.app.storage_status import DiskOutlook, TableStatus
from orderflow_recorder.cli import status
from orderflow_recorder.journal.retention import JournalSize

TRADES = TableStatus(
    table="trades", size_bytes=500_000_000, rows=20_000_000, bytes_a_row=150.4, compressed_bytes=400_000_000,
    compressed_rows=19_000_000, compressed_bytes_a_row=21.05, bytes_a_day=12_500_000.0, compress_after_s=43_200,
    retain_s=90 * 86_400,
)  # fmt: skip
EMPTY = TableStatus(
    table="liquidations", size_bytes=16_384, rows=None, bytes_a_row=None, compressed_bytes=0, compressed_rows=0,
    compressed_bytes_a_row=None,
)  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, disk: DiskOutlook) -> str:
    monkeypatch.setenv("COLUMNS", "160")
    found = Status(
        instance="main", time=0, problems=[], supervisor=None, collector=None, loader=None,
        journal=JournalSize(1, 2, 3.0), tables=[TRADES, EMPTY], disk=disk,
    )  # fmt: skip
    status._print(found)  # noqa: SLF001  # what people see
    return capsys.readouterr().out


def test_tables_are_shown_with_what_a_row_takes_and_what_becomes_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = printed(capsys, monkeypatch, DiskOutlook("/data", "the database's disk", 10**12, 12_500_000.0, 80_000.0))
    (line,) = [line for line in out.splitlines() if "trades" in line]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells == ["trades", "20,000,000", "500.0 MB", "150", "95%", "21", "12.5 MB", "12h", "90d"]
    assert "liquidations" not in out


@pytest.mark.parametrize(
    ("growth", "days", "said"),
    [
        (
            2e9,
            50.4,
            "100.0 GB free on the database's disk (/data) · the tables grow by 2.0 GB a day · room for 50 days",
        ),
        (2e9, None, "(/data) · the tables grow by 2.0 GB a day\n"),
        (-5.0, None, "(/data) · the tables do not grow\n"),
        (None, None, "(/data) · growth is known ten minutes after the recorder's start\n"),
    ],
)
def test_the_disk_is_one_honest_line(
    growth: float | None,
    days: float | None,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outlook = DiskOutlook("/data", "the database's disk", 100 * 10**9, growth, days)
    assert said in printed(capsys, monkeypatch, outlook)
