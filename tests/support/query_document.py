"""`docs/queries.md`: its parts, and how it shows a result."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tests.support.queries import Row

ROWS: Final = 4
"""So many rows of a result are shown."""
DOCUMENT: Final = Path("docs/queries.md")
_SECTION: Final = re.compile(r"^## (\w+)\n\n(.*?)```sql\n(.*?)```\n\n(.*?)(?=\n## |\Z)", re.DOTALL | re.MULTILINE)


def sections() -> dict[str, tuple[str, str]]:
    """Return the SQL and the text after it of each query's section."""
    return {name: (query, after) for name, _, query, after in _SECTION.findall(DOCUMENT.read_text("utf-8"))}


def table(after: str) -> str:
    """Return the table of a section."""
    return "".join(f"{line}\n" for line in after.splitlines() if line.startswith("|"))


def render(rows: list[Row]) -> str:
    """Show the first rows of a result as the document does."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([show(row[name]) for name in names] for row in rows[:ROWS])]
    if len(rows) > ROWS:
        lines.append(["…"] * len(names))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(value: object) -> str:
    """Show one value: times in UTC, numbers without the zeros behind them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        milliseconds = value.isoformat(" ", "milliseconds").partition("+")[0]
        return milliseconds.removesuffix(".000").removesuffix(":00")
    if isinstance(value, timedelta):
        return f"{value.total_seconds() * 1000:g} ms"
    if isinstance(value, float):
        return f"{value:.6f}"
    text = f"{value}"
    return text.rstrip("0").rstrip(".") if "." in text else text
