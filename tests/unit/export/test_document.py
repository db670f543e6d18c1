"""What docs/export.md says of the columns."""

import re
from pathlib import Path

import pyarrow as pa

from orderflow_recorder.export.formats import NumberKind
from orderflow_recorder.export.rows import TIME_OF, schema_of


def word(kind: pa.DataType) -> str:
    """Return what the document calls a type."""
    if pa.types.is_list(kind):
        return f"[{word(kind.value_type)}]"
    if pa.types.is_decimal(kind):
        return "decimal"
    return "time" if pa.types.is_timestamp(kind) else str(kind)


def test_the_columns_are_those_documented() -> None:
    text = Path("docs/export.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n(trades\n.*?)```", text, re.DOTALL)
    documented = {
        table: [" ".join(column.split()) for column in columns.split(",")]
        for table, columns in re.findall(r"^(\w+)\n((?:    .*\n)+)", block, re.MULTILINE)
    }
    exported = {
        table: [f"{one.name} {word(one.type)}" + "?" * one.nullable for one in schema_of(table, NumberKind.EXACT)]
        for table in TIME_OF
    }
    assert documented == exported
