"""What can be wrong with a question, or with its answer.

::

    OrderflowError
    └── ResearchError
        ├── QuestionError         expected something else: a market, a time, an interval …
        └── NumberTooWideError    a number has more digits than the frames' decimals
"""

from orderflow_recorder.domain.errors import OrderflowError


class ResearchError(OrderflowError):
    """A question could not be answered."""


class QuestionError(ResearchError, ValueError):
    """An argument is not what it must be; the text says what was expected and what came."""


class NumberTooWideError(ResearchError):
    """A number does not fit into ``decimal128(38, 18)``."""

    def __init__(self, table: str, column: str, value: str) -> None:
        """Keep where it is, and its digits."""
        self.table = table
        self.column = column
        self.value = value
        super().__init__(
            f"{table}.{column}: expected at most 20 digits before the point and 18 after it (decimal128(38, 18)), "
            f"received {value}; read it with numbers='text' or 'float', or by SQL"
        )
