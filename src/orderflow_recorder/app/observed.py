"""A running recorder as its own supervisor sees it: what its processes say, and what is wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from orderflow_recorder.app.health import (
    CollectorHealth,
    ForwarderHealth,
    LoaderReport,
    ProcessHealth,
    SupervisorHealth,
)
from orderflow_recorder.app.processes import SUPERVISOR
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import FORWARDER, Part, collectors, health_path, left_loaders, loaders
from orderflow_recorder.app.status import find_problems, living

STARTING = "the recorder starts: what it checks beforehand is not through, its log says what"

HealthT = TypeVar("HealthT", bound=ProcessHealth)


class Observed(msgspec.Struct, frozen=True):
    """What the processes said last; one that does not run says nothing.

    Attributes:
        now_ns: When that was, ns since the epoch.
        supervisor: Its report; none before it has started the others.
        collecting: Of each collector that belongs here.
        forwarding: The forwarder's, if one belongs here.
        loading: Of each loader that belongs here.
    """

    now_ns: int
    supervisor: SupervisorHealth | None
    collecting: Sequence[tuple[Part, CollectorHealth | None]]
    forwarding: Sequence[ForwarderHealth | None]
    loading: Sequence[tuple[Part, LoaderReport | None]]

    def problems(self, instance: str) -> Sequence[str]:
        """Return what is wrong with the recorder ``instance``, a line each."""
        if self.supervisor is None:
            return (STARTING,)
        collecting = {part.name: report for part, report in self.collecting}
        loading = {part.name: report for part, report in self.loading}
        forwarder = self.forwarding[0] if self.forwarding else None
        return tuple(find_problems(instance, self.supervisor, collecting, loading, forwarder))


def observe(settings: Settings, now_ns: int) -> Observed:
    """Read what the processes of this recorder say; changes nothing.

    Args:
        settings: Of the recorder.
        now_ns: Wall time, ns since the epoch.
    """

    def read(path: Path, kind: type[HealthT]) -> HealthT | None:
        return living(path, kind, now_ns)

    supervisor = read(health_path(settings, SUPERVISOR), SupervisorHealth)
    parts = () if supervisor is None else supervisor.parts
    loading = [(one, read(one.health_path, LoaderReport)) for one in loaders(settings) if one.name in parts]
    # Those of journals that an earlier run left end by themselves: one that is through is not missed.
    left = [(one, read(one.health_path, LoaderReport)) for one in left_loaders(settings) if one.name in parts]
    return Observed(
        now_ns,
        supervisor,
        [(one, read(one.health_path, CollectorHealth)) for one in collectors(settings) if one.name in parts],
        [read(health_path(settings, FORWARDER), ForwarderHealth)] if FORWARDER in parts else [],
        loading + [(part, report) for part, report in left if report is not None],
    )
