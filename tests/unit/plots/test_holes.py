"""Where lines break, and what touches a hole."""

from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl

from orderflow_recorder.plots.holes import Hole, ids_words, missing_words, run_of, touched

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def hole(start: float, end: float, first: int | None = 3, last: int | None = 7) -> Hole:
    return Hole("trade", NOON + start * SECOND, NOON + end * SECOND, first, last, "stall", "open", "")


def random_holes(random: Random) -> list[Hole]:
    """Return holes of whole seconds; some may follow each other, or last no time."""
    ends = sorted(random.randint(0, 60) for _ in range(2 * random.randint(0, 6)))
    return [hole(start, end) for start, end in zip(ends[::2], ends[1::2], strict=True)]


def test_rows_of_one_run_have_no_hole_between_them() -> None:
    random = Random(3)  # noqa: S311  # not for secrets
    for _ in range(50):
        holes = random_holes(random)
        times = sorted(NOON + random.randint(0, 60) * SECOND for _ in range(30))
        runs = pl.DataFrame({"time": times}).select(run_of(pl.col("time"), holes)).to_series().to_list()
        assert runs == sorted(runs)
        assert runs == [sum(one.end <= time for one in holes) for time in times]


def test_spans_that_touch_a_hole() -> None:
    random = Random(4)  # noqa: S311  # not for secrets
    for _ in range(50):
        holes = random_holes(random)
        spans = [(NOON + start * SECOND, NOON + (start + 5) * SECOND) for start in range(-5, 65, 5)]
        frame = pl.DataFrame(spans, ["start", "end"], orient="row")
        found = frame.select(touched(pl.col("start"), pl.col("end"), holes)).to_series().to_list()
        assert found == [any(start < one.end and end > one.start for one in holes) for start, end in spans]


def test_a_hole_in_words() -> None:
    assert (missing_words(hole(0, 1)), ids_words(hole(0, 1))) == ("5 ids", "3 to 7")
    assert missing_words(hole(0, 1, 3, 3)) == "1 id"
    assert missing_words(hole(0, 1.25, None, None)) == "1.250 s"
    assert "no ids" in ids_words(hole(0, 1, None, None))
