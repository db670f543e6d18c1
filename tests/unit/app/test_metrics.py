"""The list of metrics: equal to its document, and all that alerts and dashboards ask for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderflow_recorder.app.metrics import GROUPS

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "observability" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
DASHBOARDS = sorted((ROOT / "observability" / "grafana" / "dashboards").glob("*.json"))
METRICS = {metric.full_name: (group, metric) for group in GROUPS for metric in group.metrics}


def used(text: str) -> set[str]:
    """Return the names of our metrics in an expression or a file."""
    return set(re.findall(r"\borderflow_[a-z_]+\b", text))


def panels(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the panels of a dashboard that show something."""
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
        if panel["type"] != "row":
            yield panel


def test_the_document_lists_each_metric_as_it_is_declared() -> None:
    rows = re.findall(r"^\| `(orderflow_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", DOCUMENT, re.MULTILINE)
    declared = [
        (metric.full_name, "counter" if metric.is_counter else "gauge", ", ".join(group.labels), metric.help)
        for group in GROUPS
        for metric in group.metrics
    ]
    assert [tuple(row) for row in rows] == declared
    headings = re.findall(r"^## (.*)$", DOCUMENT, re.MULTILINE)
    assert headings == list(dict.fromkeys(group.title for group in GROUPS))


def test_no_name_is_used_twice() -> None:
    assert len(METRICS) == sum(len(group.metrics) for group in GROUPS)


@pytest.mark.parametrize("name", METRICS)
def test_names_follow_prometheus(name: str) -> None:
    group, metric = METRICS[name]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert not re.search(r"_(ms|milliseconds|kb|mb|percent|count|ns)(_|$)", name)
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
    assert set(group.labels) <= {
        *("shard", "market", "sink", "process", "state", "cause", "status", "table"),
        *("instance_id", "version"),
    }


def test_alerts_ask_for_declared_metrics_alone() -> None:
    assert used(ALERTS) <= METRICS.keys()
    assert used(ALERTS)


def test_each_alert_is_explained() -> None:
    names = re.findall(r"- alert: (\w+)", ALERTS)
    rows = re.findall(r"^\| `(\w+)` \| (?:critical|warning) \|", OPERATIONS, re.MULTILINE)
    assert rows == names


def test_each_alert_says_how_bad_it_is() -> None:
    assert len(re.findall(r"severity: (?:critical|warning) }", ALERTS)) == len(re.findall(r"- alert:", ALERTS))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_ask_for_declared_metrics_alone(path: Path) -> None:
    for panel in panels(path):
        expressions = [target["expr"] for target in panel["targets"]]
        assert expressions, panel["title"]
        for expression in expressions:
            assert used(expression) <= METRICS.keys(), (panel["title"], expression)
            assert used(expression) or "ALERTS" in expression, (panel["title"], expression)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_are_whole(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    identifiers = [panel["id"] for panel in board["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    for panel in panels(path):
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(set(places)) == len(places), "panels overlap"


def test_dashboards_have_names_of_their_own() -> None:
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]
    assert {board["uid"] for board in boards} == {
        "orderflow-overview",
        "orderflow-completeness",
        "orderflow-loader",
    }


def test_no_metric_is_forgotten_by_all_dashboards_and_alerts() -> None:
    shown = used(ALERTS) | {name for path in DASHBOARDS for name in used(path.read_text(encoding="utf-8"))}
    of_use_by_hand = {
        "orderflow_problems",
        "orderflow_process_start_timestamp_seconds",
        "orderflow_process_report_timestamp_seconds",
        "orderflow_process_last_error_timestamp_seconds",
        "orderflow_streams",
        "orderflow_rest_answers_total",
        "orderflow_events_total",
        "orderflow_journal_segments",
        "orderflow_forwarder_published_bytes_total",
        "orderflow_loader_written_timestamp_seconds",
        "orderflow_loader_pending_rows",
        "orderflow_tables_measured_timestamp_seconds",
    }
    assert METRICS.keys() - shown == of_use_by_hand
