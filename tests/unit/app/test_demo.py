"""The folder and the settings of a demo; tests/integration/test_demo.py runs one."""

from pathlib import Path

import pytest

from orderflow_recorder.app.demo import DEFAULT_FOLDER, demo_settings, prepare_folder
from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_or_empty_folder_is_taken(tmp_path: Path) -> None:
    assert prepare_folder(None) == DEFAULT_FOLDER
    assert prepare_folder(tmp_path / "new") == tmp_path / "new"
    assert prepare_folder(tmp_path) == tmp_path


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(SettingsError, match="expected a new or empty folder"):
        prepare_folder(tmp_path)
    DEFAULT_FOLDER.mkdir(parents=True)
    (DEFAULT_FOLDER / "thesis.txt").touch()
    with pytest.raises(SettingsError, match=r"data/demo with thesis\.txt in it"):
        prepare_folder(None)
    assert (DEFAULT_FOLDER / "thesis.txt").exists()


def test_a_demo_never_touches_the_users_own_database_or_symbols(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://me@production/db")
    monkeypatch.setenv("SYMBOLS_SPOT", "BTCUSDT")
    monkeypatch.setenv("INSTANCE_ID", "main")
    monkeypatch.setenv("PORT", "8001")
    (tmp_path / ".env").write_text("DATA_DIR=/precious\n")
    settings = demo_settings(tmp_path / "demo", frozenset({Market.USDM}), {"BINANCE_REST_SPOT_BASE_URL": "http://h"})
    assert settings.db_url == ""
    assert settings.data_dir == tmp_path / "demo"
    assert settings.instance_id == "demo"
    assert settings.markets == (Market.USDM,)
    assert settings.symbols_futures == ("*",)
    assert settings.rest_base_url(Market.SPOT) == "http://h"
    assert settings.port == 0
