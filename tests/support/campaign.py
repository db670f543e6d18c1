"""A campaign: captures played to a real recorder while one thing after another goes wrong, with proofs between."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Final, NamedTuple

from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from tests.support.campaign_checks import check_any_time, check_at_the_end, truth_of
from tests.support.campaign_plan import Fault, plan
from tests.support.campaign_stage import Stage, pause
from tests.support.database import migrated_template, new_database
from tests.support.processes import wait_until

HEAL_S: Final = 90.0
_BETWEEN_S: Final = 0.5
"""How long the flow goes on between a fault and the check."""


class Programme(NamedTuple):
    """What is played in a round.

    Attributes:
        captures: Files without holes.
        speed: Times as fast as recorded.
        seconds: Of the captures' time, after which no new fault begins.
    """

    captures: Sequence[Path]
    speed: float
    seconds: float


class Outcome(NamedTuple):
    """What came of a campaign.

    Attributes:
        faults: How many of each kind were injected.
        problems: Empty, or what was wrong after the last of them.
    """

    faults: Counter[str]
    problems: Sequence[str]


class Campaign:
    """Rounds of faults, each with a new database, recorder and venue.

    Args:
        folder: Empty; what the programs say and write stays there.
        programmes: What is played, in turn.
        check_every: How many faults go between two checks.
        report: Takes a line for each step.
    """

    def __init__(
        self, folder: Path, programmes: Sequence[Programme], *, check_every: int, report: Callable[[str], object]
    ) -> None:
        """Prepare; nothing is started."""
        self._folder = folder
        self._programmes = programmes
        self._check_every = check_every
        self._report = report
        self._faults: Counter[str] = Counter()

    def run(self, seed: int, faults: int) -> Outcome:
        """Inject the first ``faults`` faults of ``seed``, and stop at the first problem."""
        self._report(f"seed {seed}: {faults} faults")
        faults_left = islice(plan(seed), faults)
        server = EmbeddedPostgres(self._folder / "postgres")
        with server as url, migrated_template(url) as template:
            for number, programme in enumerate(cycle(self._programmes), 1):
                folder = self._folder / f"round-{number}"
                folder.mkdir()
                with new_database(url, template=template) as database:
                    problems = self._round(folder, programme, server, database, faults_left)
                if problems or sum(self._faults.values()) == faults:
                    return Outcome(self._faults, problems)
        raise AssertionError

    def _round(
        self, folder: Path, programme: Programme, server: EmbeddedPostgres, url: str, faults: Iterator[Fault]
    ) -> Sequence[str]:
        """Play until the time of the captures or the faults are over; return what was wrong."""
        truth = truth_of(*programme.captures)
        names = ", ".join(path.name for path in programme.captures)
        self._report(f"{folder.name}: {names}, {programme.speed:g} times as fast")
        with _on_stage(folder, programme, server, url) as stage:
            try:
                while stage.played_s() < programme.seconds and (fault := next(faults, None)) is not None:
                    self._faults[fault.kind] += 1
                    number = sum(self._faults.values())
                    self._report(f"{number}. {fault}")
                    stage.inject(fault)
                    pause(_BETWEEN_S)
                    if number % self._check_every == 0:
                        stage.pause()
                        if problems := check_any_time(url, truth):
                            return problems
                        stage.resume()
                stage.pause()
                wait_until(lambda: stage.open_gaps() == 0, within_s=HEAL_S, what="every gap that can be is healed")
                stage.recorder.stop()
            except AssertionError as error:
                return [str(error)]
            said = stage.recorder.output()
            return [
                *check_at_the_end(url, truth, stage.recorder.journal()),
                *(line for line in said.splitlines() if "unexpected error" in line or "deadlock" in line),
            ]


@contextmanager
def _on_stage(folder: Path, programme: Programme, server: EmbeddedPostgres, url: str) -> Iterator[Stage]:
    stage = Stage(folder, programme.captures, speed=programme.speed, server=server, url=url)
    try:
        yield stage
    finally:
        stage.close()
