"""Asking the port of a running recorder."""

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import free_port


class Port:
    """Asks a recorder's port."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        """Choose a free one."""
        self.number = free_port()
        self._host = host

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        """Return status and text of an answer; status 0 where nobody answers."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://{self._host}:{self.number}{path}", headers=given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # it is http
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def health(self, page: str) -> Any:  # noqa: ANN401  # JSON
        """Return what a health page says."""
        return json.loads(self.ask(f"/health/{page}")[1])

    def is_ready(self) -> bool:
        """Say whether the recorder is ready."""
        return self.ask("/health/ready")[0] == HTTPStatus.OK

    def value(self, metric: str, **labels: str) -> float | None:
        """Return a metric's value; none without a series with these labels, added up where there are several."""
        status, text = self.ask("/metrics")
        if status != HTTPStatus.OK:
            return None
        values = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == metric and labels.items() <= sample.labels.items()
        ]
        return sum(values) if values else None
