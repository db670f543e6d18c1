"""What must hold before a recorder starts."""

import os
from pathlib import Path

import pytest
from loguru import logger

from orderflow_recorder.app.preflight import (
    AlreadyRunningError,
    DataFolderError,
    check_database,
    check_venue,
    has_recorded,
    lock_instance,
    prepare_folders,
)
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.domain.errors import DiskFullError, SinkUnavailableError, VenueUnreachableError
from orderflow_recorder.sim.run import SimulatorOptions, make_simulator, recorder_environment
from tests.support.processes import free_port
from tests.support.small_disk import small_disk


def settings_in(folder: Path, **changes: object) -> Settings:
    return load_settings(env_file=None, data_dir=folder, **changes)


def test_a_recorder_has_recorded_once_there_is_a_segment(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert not has_recorded(settings)
    prepare_folders(settings)
    assert not has_recorded(settings)
    (settings.journal_directory / "00000001.jsonl").touch()
    assert has_recorded(settings)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderError, match=r"DATA_DIR: expected a folder .* got .*Not a directory"):
        prepare_folders(settings_in(tmp_path / "file"))


def test_a_full_disk_is_refused(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        (disk / "filler").write_bytes(bytes(1_030_000))
        with pytest.raises(DiskFullError, match=r"disk full: .* bytes free, the journal needs"):
            prepare_folders(settings_in(disk / "data"))


def test_a_second_recorder_of_the_same_instance_is_told_who_the_first_is(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    prepare_folders(settings)
    lock = lock_instance(settings)
    with pytest.raises(AlreadyRunningError, match=rf"INSTANCE_ID 'main' .*\(pid {os.getpid()},"):
        lock_instance(settings)
    lock.release()
    lock_instance(settings).release()


def test_another_instance_may_share_the_folder(tmp_path: Path) -> None:
    locks = []
    for instance in ("one", "two"):
        settings = settings_in(tmp_path, instance_id=instance)
        prepare_folders(settings)
        locks.append(lock_instance(settings))
    for lock in locks:
        lock.release()


async def test_a_database_that_does_not_answer_is_refused_at_first_and_waited_for_later() -> None:
    port = free_port()
    url = f"postgresql://me:hunter2@127.0.0.1:{port}/db"
    with pytest.raises(SinkUnavailableError, match=rf"unreachable: .*{port}.*: check host and port") as refusal:
        await check_database(url, patience_s=0, lenient=False)
    assert "hunter2" not in str(refusal.value)
    assert await check_database(url, patience_s=0, lenient=True) is None


async def test_a_venue_that_does_not_answer_is_refused_at_first_and_waited_for_later(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = settings_in(
        tmp_path,
        symbols_futures="",
        binance_rest_spot_base_url=f"http://{address}",
        binance_ws_spot_base_url=f"ws://{address}",
    )
    with pytest.raises(VenueUnreachableError, match=rf"spot at http://{address}/api/v3/time: .*refused|failed"):
        await check_venue(settings, patience_s=0.1, lenient=False)
    await check_venue(settings, patience_s=0.1, lenient=True)


@pytest.mark.parametrize("wrong", ["binance_rest_spot_base_url", "binance_ws_spot_base_url"])
async def test_one_market_out_of_reach_is_an_error_line_and_the_other_goes_on(tmp_path: Path, wrong: str) -> None:
    lines: list[str] = []
    handler = logger.add(lines.append, level="ERROR", format="{message}")
    scheme = "http" if "rest" in wrong else "ws"
    async with make_simulator(SimulatorOptions(port=0)) as simulator:
        urls = {name.lower(): url for name, url in recorder_environment(simulator).items()}
        await check_venue(settings_in(tmp_path, **urls), patience_s=5, lenient=False)
        assert lines == []
        urls[wrong] = f"{scheme}://127.0.0.1:{free_port()}"
        await check_venue(settings_in(tmp_path, **urls), patience_s=5, lenient=False)
    logger.remove(handler)
    assert len(lines) == 1
    assert "venue unreachable: spot at http://" in lines[0]
