"""A short campaign; the long one is ``python -m benchmarks.campaign``."""

from pathlib import Path

import pytest

from tests.support.campaign import Campaign, Programme
from tests.support.captures import capture
from tests.support.long import LONG

SEED = 20260101
FAULTS = 6

pytestmark = [pytest.mark.timeout(240), LONG]


def test_ledger_holds_while_one_thing_after_another_goes_wrong(tmp_path: Path) -> None:
    captures = [capture("spot_two_symbols_2021-04-04"), capture("usdm_five_symbols_2021-04-05")]
    said: list[str] = []
    campaign = Campaign(tmp_path, [Programme(captures, 3, 100)], check_every=3, report=said.append)
    outcome = campaign.run(SEED, FAULTS)
    assert list(outcome.problems) == [], "\n".join(said)
    assert outcome.faults.total() == FAULTS
