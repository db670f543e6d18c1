"""What Prometheus and compose say to our files; skipped where they are not here."""

import shutil
import subprocess

import pytest

from tests.support.prometheus import OBSERVABILITY, ROOT, RULES, alert_names, promtool

TESTS = OBSERVABILITY / "prometheus" / "alerts_test.yml"


def test_the_configuration_and_the_rules_are_sound() -> None:
    promtool("check", "config", "--syntax-only", str(OBSERVABILITY / "prometheus" / "prometheus.yml"))
    promtool("check", "rules", str(RULES))


def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", str(TESTS))


def test_each_alert_has_such_a_test() -> None:
    text = TESTS.read_text(encoding="utf-8")
    assert [name for name in alert_names() if f'alertname="{name}"' not in text] == []


@pytest.mark.parametrize("profile", [(), ("--profile", "observability")], ids=["plain", "observability"])
def test_compose_takes_its_file(profile: tuple[str, ...]) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False, capture_output=True).returncode:
        pytest.skip("no docker compose here")
    done = subprocess.run(
        [docker, "compose", "--file", str(ROOT / "docker-compose.yml"), *profile, "config", "--quiet"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "SCRAPE_KEY": "a-key-of-some-length"},
    )
    assert done.returncode == 0, done.stderr
