"""The long campaign: faults by the hundred, and the proof after each. See README.md."""  # noqa: INP001  # programs, no package

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.support.campaign import Campaign, Programme
from tests.support.captures import CAPTURES, NAMES

SPOT, TWO, FUTURES, FIVE = (CAPTURES / f"{name}.jsonl.gz" for name in NAMES)
PROGRAMMES = (
    Programme((SPOT, FUTURES), 10, 400),
    Programme((TWO, FIVE), 2, 80),
    Programme((SPOT, TWO, FUTURES, FIVE), 5, 400),
)


def main() -> int:
    """Run the campaign and return the exit code: 1 with the first counter-example."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign", description=__doc__)
    parser.add_argument("--faults", type=int, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6, help="the same seed, the same faults")
    parser.add_argument("--check-every", type=int, default=1, help="faults between two checks (1)")
    parser.add_argument("--folder", type=Path, help="where logs, journals and database stay (a temporary folder)")
    options = parser.parse_args()
    if not all(path.exists() for path in (SPOT, TWO, FUTURES, FIVE)):
        sys.stdout.write(f"expected the recorded captures {', '.join(NAMES)} in {CAPTURES}\n")
        return 1
    folder = options.folder or Path(tempfile.mkdtemp(prefix="campaign-"))
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def report(line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:7.1f} s  {line}\n")
        sys.stdout.flush()

    campaign = Campaign(folder, PROGRAMMES, check_every=options.check_every, report=report)
    outcome = campaign.run(options.seed, options.faults)
    for kind, count in sorted(outcome.faults.items()):
        sys.stdout.write(f"{count:5d}  {kind}\n")
    for problem in outcome.problems[:10]:
        sys.stdout.write(f"FAILED: {problem}\n")
    verdict = f"failed after fault {outcome.faults.total()}" if outcome.problems else "every check held"
    sys.stdout.write(f"{outcome.faults.total()} faults, seed {options.seed}: {verdict}; logs in {folder}\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
