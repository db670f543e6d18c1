"""A real Prometheus that scrapes a recorder every second, with the project's own alerts, and promtool."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.processes import Program, free_port, wait_until

ROOT: Final = Path(__file__).parents[2]
OBSERVABILITY: Final = ROOT / "observability"
RULES: Final = OBSERVABILITY / "prometheus" / "alerts.yml"

_CONFIG: Final = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{rules}]
scrape_configs:
  - job_name: orderflow-recorder
    authorization: {{ credentials: {key} }}
    static_configs: [{{ targets: ["127.0.0.1:{port}"] }}]
"""


def require(program: str) -> str:
    """Return the path of ``prometheus`` or ``promtool``, or skip the test."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} here: apt install prometheus")
    return found


def promtool(*arguments: str, text: str = "") -> None:
    """Run promtool, which must find nothing to say against what it is given."""
    done = subprocess.run(
        [require("promtool"), *arguments], input=text, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def alert_names() -> list[str]:
    """Return the names of the project's alerts."""
    return re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))


class Prometheus(Program):
    """The program, on a port of its own; alerts fire at once instead of after some minutes.

    Args:
        folder: For its configuration and data.
        target: Port of the recorder.
        key: One of the recorder's.
    """

    def __init__(self, folder: Path, target: int, key: str) -> None:
        """Start it and wait until it answers."""
        folder.mkdir()
        rules = folder / "alerts.yml"
        rules.write_text(re.sub(r"for: \w+", "for: 0s", RULES.read_text(encoding="utf-8")), encoding="utf-8")
        config = folder / "prometheus.yml"
        config.write_text(_CONFIG.format(rules=rules, key=key, port=target), encoding="utf-8")
        self.port = free_port()
        options = [
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        super().__init__(options, folder / "log", command=[require("prometheus")])
        wait_until(self._answers, within_s=30, what="Prometheus answers")

    def query(self, expression: str) -> list[Any]:
        """Return the series of an expression, now; an expression that is none fails the test."""
        return list(self._get("query", {"query": expression})["result"])

    def firing(self) -> dict[str, list[dict[str, Any]]]:
        """Return the alerts that fire, by name."""
        found: dict[str, list[dict[str, Any]]] = {}
        for alert in self._get("alerts", {})["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found

    def wait_firing(self, *names: str, within_s: float = 40) -> None:
        """Wait until each of ``names`` has fired, not necessarily at once, with texts that are whole."""
        missing = set(names)

        def all_fired() -> bool:
            for name, alerts in self.firing().items():
                for alert in alerts:
                    texts = alert["annotations"].values()
                    assert not any("error" in text or "<no value>" in text for text in texts), alert
                missing.discard(name)
            return not missing

        wait_until(all_fired, within_s=within_s, what=f"all of {names} have fired")

    def _get(self, page: str, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401  # JSON
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{page}?{query}", timeout=20) as answer:
            said = json.load(answer)
        assert said["status"] == "success"
        return said["data"]

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.output())
        try:
            self._get("status/buildinfo", {})
        except OSError:
            return False
        return True
