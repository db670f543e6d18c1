"""The folder to connect through: short enough, and nobody else's."""

import os
import stat
from pathlib import Path

import pytest

from orderflow_recorder.postgres import embedded_socket
from orderflow_recorder.postgres.embedded_socket import client_directory, is_listening, private_folder


def test_a_short_path_is_used_as_it_is() -> None:
    data_dir = Path("/srv/data/postgres")
    assert client_directory(data_dir) == data_dir


@pytest.mark.parametrize("name", ["x" * 100, "é" * 50, "a,b"])
def test_a_path_that_libpq_cannot_take_gets_one_stable_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(embedded_socket, "_SHARED_FOLDER", tmp_path)
    data_dir = tmp_path / name
    link = client_directory(data_dir)
    assert link.readlink() == data_dir
    assert client_directory(data_dir) == link
    assert "," not in str(link)


def test_the_shared_folders_subfolder_is_closed_to_others(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert private_folder(tmp_path) == folder


def test_a_subfolder_that_others_may_write_is_not_used(tmp_path: Path) -> None:
    trap = tmp_path / f"orderflow-{os.geteuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    folder = private_folder(tmp_path)
    assert folder != trap
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_subfolder_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    trap = tmp_path / f"orderflow-{os.geteuid()}"
    trap.symlink_to(elsewhere)
    assert private_folder(tmp_path) != trap
    assert not list(elsewhere.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_a_subfolder_of_another_user_is_not_used(tmp_path: Path) -> None:
    trap = tmp_path / "orderflow-0"
    trap.mkdir(mode=0o700)
    os.chown(trap, 65534, 65534)
    assert private_folder(tmp_path) != trap


def test_no_socket_is_not_listening(tmp_path: Path) -> None:
    assert not is_listening(tmp_path)
