"""What must hold after every fault, and at the end of a round."""

import os
import subprocess
from collections.abc import Sequence
from decimal import InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.support.captures import QUERIES, Expected, lines
from tests.support.naive_ledger import not_healed, problems, read_ledger, sent, spent_ids, strangers
from tests.support.processes import COMMAND

_VERIFY_S: Final = 120
_EVENT_TIME: Final = {"trades": 4, "agg_trades": 6}
"""Place of the one column that REST does not know."""


class Truth:
    """What a set of captures, which have no holes, says."""

    def __init__(self, captures: Sequence[Path]) -> None:
        """Read the captures."""
        self.rows = Expected.of(*captures)
        self.ledger = sent(self.rows)
        self.spent = spent_ids(captures)


@lru_cache(maxsize=4)
def truth_of(*captures: Path) -> Truth:
    """Return what the captures say; reading them takes seconds."""
    return Truth(captures)


def check_any_time(url: str, truth: Truth) -> list[str]:
    """Return what contradicts invariants 2 and 3 in the database as it stands, by our own count and by ``verify``."""
    ledger = read_ledger(url)
    return [*problems(ledger, truth.spent), *strangers(ledger, truth.ledger), *verify(url)]


def check_at_the_end(url: str, truth: Truth, journal: Sequence[Path]) -> list[str]:
    """Return what is not right when everything is loaded and healed: beside the above, contents and completeness."""
    ledger = read_ledger(url)
    return [
        *problems(ledger, spent_ids(journal)),
        *strangers(ledger, truth.ledger),
        *not_healed(ledger, truth.ledger),
        *_contents(url, truth.rows, journal),
        *verify(url, journal[0].parent),
    ]


def verify(url: str, *journals: Path) -> list[str]:
    """Return the counter-example of ``orderflow-recorder verify``, if it finds one."""
    ended = subprocess.run(
        [*COMMAND, "verify", *(f"--journal={journal}" for journal in journals)],
        env={**os.environ, "DB_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=_VERIFY_S,
    )
    return [] if ended.returncode == 0 else [f"verify, exit code {ended.returncode}: {ended.stdout}{ended.stderr}"]


def _contents(url: str, wanted: Expected, journal: Sequence[Path]) -> list[str]:
    found: list[str] = []
    journaled = _journaled(journal)
    with psycopg.connect(url) as connection:
        for table, query in QUERIES.items():
            rows = connection.execute(query).fetchall()
            by_id = {row[:3]: row[3:] for row in rows}
            if len(by_id) != len(rows):
                found.append(f"{table}: {len(rows) - len(by_id)} ids are there twice")
            if lost := getattr(journaled, table).keys() - by_id.keys():
                found.append(f"{table}: {len(lost)} rows are in the journal and not in the table, e.g. {min(lost)}")
            found += [
                f"{table} {key}: {row} is not what was sent, {truth}"
                for key, row in by_id.items()
                if (truth := getattr(wanted, table).get(key)) is not None and not _equal(table, row, truth)
            ][:3]
    return found


def _equal(table: str, row: tuple[Any, ...], truth: tuple[Any, ...]) -> bool:
    place = _EVENT_TIME.get(table)
    if place is not None and row[place] is None:
        return row[:place] == truth[:place] and row[place + 1 :] == truth[place + 1 :]
    return row == truth


def _journaled(segments: Sequence[Path]) -> Expected:
    """Return the rows of the frames in a journal; frames that were damaged on the way are none."""
    expected = Expected()
    for path in segments:
        for line in lines(path):
            if line["k"] == "ws" and "stream" in line["d"]:
                try:
                    expected.take(line["market"], line["d"]["stream"], line["d"]["data"])
                except (KeyError, TypeError, InvalidOperation):
                    continue
    return expected
