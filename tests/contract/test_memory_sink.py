"""The sink in memory keeps the contract that it stands in for."""

import pytest

from tests.contract.sink_contract import MakeSink, ReadRows, SinkContract, as_row
from tests.support.memory_sink import MemorySink, MemoryStore


class TestMemorySink(SinkContract):
    """`SinkContract` on a `MemoryStore`."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        """Return an empty store."""
        return MemoryStore()

    @pytest.fixture
    def make_sink(self, store: MemoryStore) -> MakeSink:
        """Return what makes a sink on the store."""
        return lambda: MemorySink(store)

    @pytest.fixture
    def read_rows(self, store: MemoryStore) -> ReadRows:
        """Return what reads the store."""
        return lambda table: [as_row(record) for record in MemorySink(store).rows(table)]
