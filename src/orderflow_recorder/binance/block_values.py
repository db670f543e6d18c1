"""Values of a block of journal lines that are looked at together, once all its lines are read."""

from orderflow_recorder.binance.levels import UncutLevels
from orderflow_recorder.binance.values import check_decimals


class BlockValues:
    """What the records of one block have in common.

    Lifecycle: whoever builds a record adds to ``numbers`` and ``levels``; then `settle`, once, before anybody else
    sees a record.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.numbers: list[str] = []
        self.levels = UncutLevels()

    def settle(self) -> None:
        """Check all numbers, and cut all levels.

        Raises:
            FrameError: Some are not as expected.
        """
        check_decimals(self.numbers)
        self.levels.cut()
