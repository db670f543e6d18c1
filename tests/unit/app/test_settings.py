"""Settings: what is accepted, what is refused, and in which words."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from orderflow_recorder.app.settings import Settings, crash_request, load_settings, unknown_names, wants_tracebacks
from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.crashpoint import CrashPoint

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / ".env.example"
PAGE = ROOT / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_both_markets_are_recorded_into_the_embedded_database() -> None:
    settings = load_settings()
    assert settings.markets == (Market.SPOT, Market.USDM)
    assert settings.symbols(Market.USDM) == ("BTCUSDT", "ETHUSDT")
    assert settings.streams(Market.SPOT) == ("trade", "depth@100ms")
    assert settings.streams(Market.USDM) == ("aggTrade", "depth@100ms")
    assert settings.db_url == ""
    assert settings.journal_directory == Path("data/journal/main")


def test_the_example_file_names_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    written = dotenv_values(EXAMPLE)
    assert set(written) == {name.upper() for name in Settings.model_fields}
    defaults = load_settings()
    for name, value in written.items():
        monkeypatch.setenv(name, value or "")
    assert load_settings() == defaults


def test_the_page_of_settings_says_the_same_as_the_example_file() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)` )?\|", PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == dotenv_values(EXAMPLE)


def test_the_environment_goes_above_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SYMBOLS_SPOT=solusdt\nINSTANCE_ID=file\n")
    monkeypatch.setenv("INSTANCE_ID", "environment")
    settings = load_settings()
    assert settings.symbols_spot == ("SOLUSDT",)
    assert settings.instance_id == "environment"


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("btcusdt, ETHUSDT ,btcUSDT,", ("BTCUSDT", "ETHUSDT")),
        ('["ethusdt", "1000pepeusdt"]', ("ETHUSDT", "1000PEPEUSDT")),
        ("*", ("*",)),
        ("btcusdt_260925,币安人生usdt", ("BTCUSDT_260925", "币安人生USDT")),
        ("", ()),
        (" , ", ()),
    ],
)
def test_lists_of_symbols(monkeypatch: pytest.MonkeyPatch, text: str, symbols: tuple[str, ...]) -> None:
    monkeypatch.setenv("SYMBOLS_FUTURES", text)
    assert load_settings().symbols(Market.USDM) == symbols


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"SPOT_STREAMS_TRADES": "foo"},
            (
                "SPOT_STREAMS_TRADES: unknown spot stream 'foo': expected trade, aggTrade, depth[@100ms|@1000ms], "
                "depth5|10|20[@100ms|@1000ms], bookTicker, got 'foo'"
            ),
        ),
        (
            {"FUTURES_STREAMS_TRADES": "depth@100ms"},
            "FUTURES_STREAMS_TRADES: stream 'depth@100ms' belongs in FUTURES_STREAMS_DEPTH, got 'depth@100ms'",
        ),
        (
            {"FUTURES_STREAMS_DEPTH": "depth,depth5,depth@500ms"},
            (
                "FUTURES_STREAMS_DEPTH: expected one speed of the depth stream, got depth, depth@500ms: "
                "they carry the same update ids"
            ),
        ),
        ({"COLLECTOR_SHARDS": "0"}, "COLLECTOR_SHARDS: expected at least 1, got '0'"),
        ({"COLLECTOR_SHARDS": "9"}, "COLLECTOR_SHARDS: expected at most 8, got '9'"),
        ({"LOADER_SHARDS": "two"}, "LOADER_SHARDS: expected a whole number, got 'two'"),
        (
            {"LOADER_SHARDS": "2", "LOADER_SHARD_NUMBERS": "1,3"},
            "LOADER_SHARD_NUMBERS: expected numbers from 1 to LOADER_SHARDS (2), got 3",
        ),
        ({"LOADER_SHARD_NUMBERS": "x"}, "LOADER_SHARD_NUMBERS: expected a whole number, got 'x'"),
        (
            {"SYMBOLS_SPOT": "", "SYMBOLS_FUTURES": ""},
            "SYMBOLS_SPOT, SYMBOLS_FUTURES: expected symbols in at least one of them, got none: nothing to record",
        ),
        (
            {"SPOT_STREAMS_TRADES": "", "SPOT_STREAMS_DEPTH": ""},
            "SYMBOLS_SPOT: expected a stream in SPOT_STREAMS_*, got none to record",
        ),
        (
            {"SYMBOLS_SPOT": "btc/usdt"},
            "SYMBOLS_SPOT: expected symbols of letters, digits and _ such as BTCUSDT, got 'BTC/USDT'",
        ),
        (
            {"SYMBOLS_SPOT": "*,btcusdt"},
            "SYMBOLS_SPOT: expected either * for all symbols or a list of symbols, got both",
        ),
        (
            {"SYMBOLS_SPOT": '["btcusdt"'},
            'SYMBOLS_SPOT: expected a comma list such as a,b or a JSON list such as ["a","b"], got \'["btcusdt"\'',
        ),
        ({"JOURNAL_FLUSH_MS": "500"}, "JOURNAL_FLUSH_MS: expected at most 100, got '500'"),
        ({"BOOK_FRAME_LEVELS": "-1"}, "BOOK_FRAME_LEVELS: expected at least 0, got '-1'"),
        ({"LOADER_BATCH_ROWS": "many"}, "LOADER_BATCH_ROWS: expected a whole number, got 'many'"),
        ({"WS_STALL_S": "nan"}, "WS_STALL_S: expected a finite number, got 'nan'"),
        ({"WS_STREAMS_PER_SOCKET": "2000"}, "WS_STREAMS_PER_SOCKET: expected at most 1024, got '2000'"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: expected one of 'text' or 'json', got 'xml'"),
        ({"INSECURE_TLS": "perhaps"}, "INSECURE_TLS: expected true or false, got 'perhaps'"),
        (
            {"INSTANCE_ID": "a/b"},
            "INSTANCE_ID: expected text that matches ^[A-Za-z0-9_-]{1,64}$, got 'a/b'",
        ),
        (
            {"BINANCE_WS_SPOT_BASE_URL": "https://example.com"},
            "BINANCE_WS_SPOT_BASE_URL: expected wss://host[:port], got a URL that begins with 'https'",
        ),
        (
            {"BINANCE_REST_FUTURES_BASE_URL": "https://"},
            "BINANCE_REST_FUTURES_BASE_URL: expected https://host[:port], got a URL without a host",
        ),
        (
            {"WS_RECONNECT_BACKOFF_S": "60"},
            "WS_RECONNECT_BACKOFF_S: expected at most WS_RECONNECT_BACKOFF_MAX_S (30), got 60",
        ),
        ({"LOADER_BACKOFF_MAX_S": "0.1"}, "LOADER_BACKOFF_S: expected at most LOADER_BACKOFF_MAX_S (0.1), got 0.5"),
        (
            {"WINDOW_START_HHMM": "0930"},
            "WINDOW_END_HHMM: expected a time of day because the other end of the window is set, got none",
        ),
        (
            {"WINDOW_START_HHMM": "0930", "WINDOW_END_HHMM": "2460"},
            "WINDOW_END_HHMM: expected a time of day such as 0930, got '2460'",
        ),
        (
            {"WINDOW_START_HHMM": "0930", "WINDOW_END_HHMM": "09:30"},
            "WINDOW_END_HHMM: expected another time than WINDOW_START_HHMM (0930), got the same: an empty window",
        ),
        (
            {"WINDOW_START_HHMM": "2200", "WINDOW_END_HHMM": "0600"},
            "WINDOW_END_DAY_OFFSET: expected 1 because the window ends (0600) before it starts (2200), got 0",
        ),
        (
            {"WINDOW_START_HHMM": "0800", "WINDOW_END_HHMM": "0900", "WINDOW_END_DAY_OFFSET": "1"},
            "WINDOW_END_DAY_OFFSET: expected 0 because 0800 to 0900 of the next day is over a day, got 1",
        ),
        ({"WINDOW_END_DAY_OFFSET": "2"}, "WINDOW_END_DAY_OFFSET: expected at most 1, got '2'"),
        (
            {"RETAIN_TRADES": "ninety days"},
            (
                "RETAIN_TRADES: expected a duration such as 90d, 12h or 4w (m minutes, h hours, d days, w weeks), "
                "got 'ninety days'"
            ),
        ),
        (
            {"COMPRESS_AFTER": "0d"},
            (
                "COMPRESS_AFTER: expected a duration such as 90d, 12h or 4w (m minutes, h hours, d days, w weeks), "
                "or off for never, got '0d'"
            ),
        ),
        (
            {"RETAIN_DEPTH": "6000w"},
            "RETAIN_DEPTH: expected at most a hundred years; empty means for ever, got '6000w'",
        ),
        (
            {"RETAIN_DEPTH": "30m"},
            "RETAIN_DEPTH: expected at least 1h, got 30m: a book is rebuilt from what came before",
        ),
        (
            {"RETAIN_TRADES": "47H"},
            "RETAIN_TRADES: expected at least 2d, got 47h: healing and candles look two days back",
        ),
        (
            {"COMPRESS_AFTER": "59m"},
            "COMPRESS_AFTER: expected at least 1h, got 59m: rows still arrive for the last hour",
        ),
        ({"WINDOW_TZ": "Mars/Base"}, "WINDOW_TZ: expected a time zone such as Europe/Berlin, got 'Mars/Base'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], line: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value) == line


def test_without_a_window_it_records_always() -> None:
    assert load_settings(window_tz="Europe/Berlin").window is None
    assert load_settings(window_start_hhmm="0930", window_end_hhmm="0930", window_end_day_offset=1).window is None


def test_a_window_is_kept_in_its_time_zone_or_in_utc() -> None:
    moment = 1_723_105_800 * 1_000_000_000  # 2024-08-08 08:30 UTC, 10:30 in Berlin
    there = load_settings(window_tz="Europe/Berlin", window_start_hhmm="10:00", window_end_hhmm="1100").window
    here = load_settings(window_start_hhmm="1000", window_end_hhmm="0200", window_end_day_offset=1).window
    assert there is not None
    assert here is not None
    assert there.at(moment).is_open
    assert not here.at(moment).is_open


def test_a_session_may_be_shorter_than_the_deadlines() -> None:
    assert load_settings(ws_max_session_s=5).ws_max_session_s == 5


def test_every_wrong_setting_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_FLUSH_MS", "500")
    monkeypatch.setenv("LOADER_BATCH_ROWS", "0")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value).splitlines() == [
        "JOURNAL_FLUSH_MS: expected at most 100, got '500'",
        "LOADER_BATCH_ROWS: expected at least 1, got '0'",
    ]


@pytest.mark.parametrize("url", ["mysql://me:hunter2@host/db", "postgresql://me:hunter2@host:port/db"])
def test_a_wrong_database_url_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DB_URL", url)
    with pytest.raises(SettingsError, match="DB_URL") as refusal:
        load_settings()
    assert "hunter2" not in str(refusal.value)


def test_settings_never_show_the_password() -> None:
    settings = load_settings(db_url="postgresql://me:hunter2@host/db")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.public())


def test_a_child_gets_the_same_settings_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        symbols_spot="btcusdt,ethusdt", symbols_futures="", log_dir="/logs", journal_retention_hours=0.5
    )
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings(env_file=None) == settings


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://me:geheim@host", "got a URL that begins with 'http'"),
        ("nats://me:geheim@", "got a URL without a host"),
        ("nats://me:geheim@host:port", "got a URL with a fault in host or port"),
        ("nats://me:geheim@host/stream", "got a URL with more than that"),
    ],
)
def test_a_wrong_journal_url_is_refused_without_its_password(url: str, text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_settings(env_file=None, journal_url=url)
    assert str(refusal.value) == f"JOURNAL_URL: expected nats://[user:password@]host[:port], {text}"


def test_divided_collectors_and_a_journal_server_are_refused() -> None:
    assert load_settings(env_file=None, loader_shards=2, journal_url="nats://host").loader_shards == 2
    with pytest.raises(SettingsError, match="COLLECTOR_SHARDS: expected 1 with JOURNAL_URL, got 2"):
        load_settings(env_file=None, collector_shards=2, journal_url="nats://host")


def test_no_password_is_among_the_public_settings() -> None:
    settings = load_settings(
        env_file=None, db_url="postgresql://me:geheim@host/db", journal_url="nats://me:geheim@host"
    )
    assert "geheim" not in str(settings.public())
    assert "geheim" not in repr(settings)
    assert settings.environment()["JOURNAL_URL"] == "nats://me:geheim@host"


def test_a_file_that_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SYMBOLS_SPOT=\xff\xfe")
    with pytest.raises(SettingsError, match="expected a readable UTF-8 file"):
        load_settings()


def test_a_misspelt_name_in_the_file_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SYMBOL_SPOT=btcusdt\nAPI_KEY=x\nPORT=1\nPOSTGRES_PASSWORD=x\nDB_URL=\n")
    assert unknown_names() == [".env: SYMBOL_SPOT is not a setting and is ignored; did you mean SYMBOLS_SPOT?"]


def test_tracebacks_are_wanted_where_the_log_level_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not wants_tracebacks()
    (tmp_path / ".env").write_text("LOG_LEVEL=debug\n")
    assert wants_tracebacks()
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    assert not wants_tracebacks()


def test_a_crash_is_asked_for_by_a_file_and_only_by_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ORDERFLOW_CRASH_FILE", raising=False)
    assert crash_request() is None
    file = tmp_path / "crash"
    monkeypatch.setenv("ORDERFLOW_CRASH_FILE", str(file))
    assert crash_request() is None
    file.write_text("sink.commit.before:3\n")
    request = crash_request()
    assert request is not None
    assert (request.file, request.point, request.hits) == (file, CrashPoint.BEFORE_COMMIT, 3)


@pytest.mark.parametrize("text", ["", "sink.commit.before", "sink.commit.before:soon", "nowhere:1"])
def test_a_crash_that_is_asked_for_in_other_words_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "crash"
    file.write_text(text)
    monkeypatch.setenv("ORDERFLOW_CRASH_FILE", str(file))
    with pytest.raises(SettingsError, match=r"expected <point>:<hits>, e\.g\. sink\.commit\.before:3"):
        crash_request()
