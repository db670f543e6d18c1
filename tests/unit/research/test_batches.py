"""The columns of frames: those of the tables."""

import pyarrow as pa
import pytest

from orderflow_recorder.postgres.tables import metadata
from orderflow_recorder.research.batches import TIMES, table_schema


@pytest.mark.parametrize("table", TIMES)
def test_a_frame_has_the_columns_of_its_table(table: str) -> None:
    columns = [column for column in metadata.tables[table].columns if column.name not in {"market", "symbol"}]
    schema = table_schema(table)
    assert schema.names == [column.name for column in columns]
    assert [field.nullable for field in schema] == [column.nullable for column in columns]
    assert schema.field(TIMES[table]).type == pa.timestamp("us", "UTC")


def test_numbers_are_exact_or_floats() -> None:
    assert table_schema("trades").field("price").type == pa.decimal128(38, 18)
    assert table_schema("trades", "float").field("price").type == pa.float64()
    assert table_schema("depth_diffs").field("bid_prices").type.value_type == pa.decimal128(38, 18)
    assert table_schema("depth_diffs", "float").field("bid_prices").type.value_type == pa.float64()
