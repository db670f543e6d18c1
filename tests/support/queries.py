"""The queries of `queries/`, run as `psql` runs them: variables are put in as quoted literals."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

FOLDER: Final = Path("queries")
NAMES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.sql")))
_VARIABLE: Final = re.compile(r":'(\w+)'")
_SETTING: Final = re.compile(r"^\\set (\w+) (?:'([^']*)'|(\S+))$", re.MULTILINE)

Row: TypeAlias = dict[str, Any]


@cache
def text(name: str) -> str:
    """Return a query as it is in its file."""
    return (FOLDER / f"{name}.sql").read_text("utf-8")


@cache
def defaults() -> dict[str, str]:
    """Return the variables of `defaults.psql`."""
    found = _SETTING.finditer((FOLDER / "defaults.psql").read_text("utf-8"))
    return {match[1]: match[2] if match[3] is None else match[3] for match in found}


def variables(name: str) -> set[str]:
    """Return the variables that a query needs."""
    return set(_VARIABLE.findall(text(name)))


def compose(name: str, **given: object) -> sql.Composed:
    """Put variables into a query: those given, for the rest the defaults."""
    values = defaults() | {key: str(value) for key, value in given.items()}
    pieces = _VARIABLE.split(text(name))
    return sql.Composed(
        sql.Literal(values[piece]) if number % 2 else sql.SQL(piece)  # type: ignore[arg-type]  # our own file
        for number, piece in enumerate(pieces)
    )


def ask(connection: psycopg.Connection[Any], name: str, **given: object) -> list[Row]:
    """Run a query; return its rows as dicts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(compose(name, **given)).fetchall()
