"""Settings from the environment and ``.env``: the only module that reads either.

Every public name is a field in lower case; docs/settings.md and ``.env.example`` explain them. Inner
code never sees `Settings`, it gets plain values.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from orderflow_recorder.app import setting_rules as rules
from orderflow_recorder.app.durations import check_compress_after, check_duration
from orderflow_recorder.core.shards import MOST_SHARDS
from orderflow_recorder.core.window import RecordingWindow
from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.jetstream.address import parse_url
from orderflow_recorder.ports.crashpoint import CrashPoint
from orderflow_recorder.postgres.connection import normalise_url

Names: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(rules.split_list)]
Keys: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(rules.split_keys)]
Numbers: TypeAlias = Annotated[tuple[int, ...], NoDecode, BeforeValidator(rules.split_list)]
Symbols: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(rules.split_symbols)]
Seconds: TypeAlias = Annotated[float, Field(gt=0)]
Duration: TypeAlias = Annotated[str, BeforeValidator(check_duration)]

ALL_SYMBOLS = "*"


class Settings(BaseSettings):
    """What the recorder was asked to do. An empty text means the default, except where empty means off."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_file_encoding="utf-8", allow_inf_nan=False)

    db_url: str = Field("", repr=False)
    data_dir: Path = Path("./data")
    instance_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "main"

    log_level: Annotated[
        Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda text: str(text).upper())
    ] = "INFO"
    log_format: Annotated[Literal["text", "json"], BeforeValidator(lambda text: str(text).lower())] = "text"
    log_dir: Path | None = None

    symbols_spot: Symbols = ("BTCUSDT", "ETHUSDT")
    symbols_futures: Symbols = ("BTCUSDT", "ETHUSDT")
    spot_streams_trades: Names = ("trade",)
    spot_streams_depth: Names = ("depth@100ms",)
    spot_streams_extra: Names = ()
    futures_streams_trades: Names = ("aggTrade",)
    futures_streams_depth: Names = ("depth@100ms",)
    futures_streams_extra: Names = ()

    collector_shards: Annotated[int, Field(ge=1, le=MOST_SHARDS)] = 1
    loader_shards: Annotated[int, Field(ge=1, le=MOST_SHARDS)] = 1
    loader_shard_numbers: Numbers = ()

    binance_ws_spot_base_url: str = "wss://stream.binance.com:9443"
    binance_ws_futures_base_url: str = "wss://fstream.binance.com"
    binance_rest_spot_base_url: str = "https://api.binance.com"
    binance_rest_futures_base_url: str = "https://fapi.binance.com"

    journal_url: Annotated[str, Field(repr=False)] = ""
    journal_segment_bytes: Annotated[int, Field(ge=4096)] = 64 * 2**20
    journal_segment_seconds: Annotated[float, Field(ge=1)] = 3600
    journal_flush_ms: Annotated[int, Field(ge=1, le=100)] = 100
    journal_fsync_seconds: Annotated[float, Field(gt=0, le=60)] = 1
    journal_retention_hours: Annotated[float, Field(ge=0)] = 24
    journal_min_free_bytes: Annotated[int, Field(ge=0)] = 64 * 2**20

    loader_batch_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    loader_batch_bytes: Annotated[int, Field(ge=4096, le=2**30)] = 2 * 2**20
    loader_batch_age_ms: Annotated[int, Field(ge=1, le=60_000)] = 250
    loader_backoff_s: Seconds = 0.5
    loader_backoff_max_s: Seconds = 30
    book_frame_levels: Annotated[int, Field(ge=0, le=5000)] = 0

    ws_ping_interval_s: Annotated[float, Field(gt=0, le=600)] = 20
    ws_ping_timeout_s: Annotated[float, Field(gt=0, le=600)] = 20
    ws_reconnect_backoff_s: Seconds = 0.5
    ws_reconnect_backoff_max_s: Seconds = 30
    ws_max_session_s: Annotated[float, Field(ge=1, le=86_100)] = 82_800
    ws_first_frame_s: Seconds = 30
    ws_stall_s: Seconds = 15
    ws_streams_per_socket: Annotated[int, Field(ge=1, le=1024)] = 500
    snapshot_refresh_s: Annotated[float, Field(ge=1)] = 3600
    insecure_tls: bool = False

    api_key: Annotated[Keys, Field(repr=False)] = ()
    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    api_rate_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 1200
    api_cors_origins: Names = ()
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    port_host: str = "127.0.0.1"

    compress_after: Annotated[str, BeforeValidator(check_compress_after)] = ""
    retain_trades: Duration = ""
    retain_depth: Duration = ""
    retain_tops: Duration = ""
    retain_prices: Duration = ""
    retain_candles: Duration = ""
    retain_events: Duration = ""

    window_tz: str = ""
    window_start_hhmm: str = ""
    window_end_hhmm: str = ""
    window_end_day_offset: Annotated[int, Field(ge=0, le=1)] = 0

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take ``NAME=`` as "not set", as docker compose writes it, except for the lists it switches off."""
        return {name: value for name, value in values.items() if value != "" or name in rules.LISTS}

    @field_validator("db_url")
    @classmethod
    def _database_url(cls, url: str) -> str:
        if url:
            normalise_url(url)
        return url

    @field_validator("journal_url")
    @classmethod
    def _journal_url(cls, url: str) -> str:
        if url:
            parse_url(url)
        return url

    @field_validator("binance_ws_spot_base_url", "binance_ws_futures_base_url")
    @classmethod
    def _socket_url(cls, url: str) -> str:
        return rules.check_url(url, ("wss", "ws"))

    @field_validator("binance_rest_spot_base_url", "binance_rest_futures_base_url")
    @classmethod
    def _rest_url(cls, url: str) -> str:
        return rules.check_url(url, ("https", "http"))

    @field_validator(*(name for name in rules.LISTS if "_streams_" in name))
    @classmethod
    def _streams(cls, names: tuple[str, ...], info: Any) -> tuple[str, ...]:  # noqa: ANN401  # pydantic's own type is not public
        return rules.check_streams(info.field_name, names)

    @model_validator(mode="after")
    def _no_contradiction(self) -> "Settings":
        found = rules.contradictions(self.model_dump())
        if found:
            raise ValueError("\n".join(found))
        return self

    @property
    def markets(self) -> tuple[Market, ...]:
        """Return the markets that are switched on."""
        return tuple(market for market in Market if self.symbols(market))

    def symbols(self, market: Market) -> tuple[str, ...]:
        """Return the symbols of ``market``, upper case; ``("*",)`` for all that trade."""
        return self.symbols_spot if market is Market.SPOT else self.symbols_futures

    def streams(self, market: Market) -> tuple[str, ...]:
        """Return the wire names, without the symbol, to record for each symbol of ``market``."""
        if market is Market.SPOT:
            return (*self.spot_streams_trades, *self.spot_streams_depth, *self.spot_streams_extra)
        return (*self.futures_streams_trades, *self.futures_streams_depth, *self.futures_streams_extra)

    def ws_base_url(self, market: Market) -> str:
        """Return where the sockets of ``market`` are opened."""
        return self.binance_ws_spot_base_url if market is Market.SPOT else self.binance_ws_futures_base_url

    def rest_base_url(self, market: Market) -> str:
        """Return where the REST host of ``market`` is."""
        return self.binance_rest_spot_base_url if market is Market.SPOT else self.binance_rest_futures_base_url

    @property
    def window(self) -> RecordingWindow | None:
        """Return when to record; none for always."""
        return rules.recording_window(
            self.window_start_hhmm, self.window_end_hhmm, self.window_end_day_offset, self.window_tz
        )

    @property
    def journal_directory(self) -> Path:
        """Return the folder of this instance's segments."""
        return self.data_dir / "journal" / self.instance_id

    @property
    def run_directory(self) -> Path:
        """Return the folder of this instance's lock and health files."""
        return self.data_dir / "run" / self.instance_id

    @property
    def postgres_directory(self) -> Path:
        """Return the folder of the embedded server's data."""
        return self.data_dir / "postgres"

    def environment(self) -> dict[str, str]:
        """Return every setting as environment variables, for a child process."""
        return {name.upper(): rules.as_text(value) for name, value in self.model_dump().items()}

    def public(self) -> dict[str, str]:
        """Return every setting that is not secret, as text."""
        return {name: text for name, text in self.environment().items() if name not in rules.SECRET}


def load_settings(env_file: Path | None = Path(".env"), **overrides: object) -> Settings:
    """Read the settings.

    Args:
        env_file: Read below the environment; it need not exist.
        overrides: Values, by field name, that go above both.

    Raises:
        SettingsError: One line per wrong or contradictory setting.
    """
    try:
        # The model validates the overrides itself; mypy does not see pydantic-settings' own keyword.
        return Settings(_env_file=env_file, **overrides)  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        raise SettingsError("\n".join(rules.explain(error, _given(env_file, overrides)))) from None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{env_file}: expected a readable UTF-8 file of NAME=value lines, got {error}"
        raise SettingsError(msg) from None


def wants_tracebacks() -> bool:
    """Say whether errors should come with a traceback, also where the settings could not be read."""
    level = os.environ.get("LOG_LEVEL") or rules.names_in(Path(".env")).get("LOG_LEVEL", "")
    return level.upper() in {"TRACE", "DEBUG"}


def unknown_names(env_file: Path = Path(".env")) -> list[str]:
    """Return one line per name in ``env_file`` that looks like a setting misspelt."""
    return rules.misspelt(rules.names_in(env_file), [name.upper() for name in Settings.model_fields])


class CrashRequest(msgspec.Struct, frozen=True):
    """Where a child process is to stop dead, and the file that says so."""

    file: Path
    point: CrashPoint
    hits: int


def crash_request() -> CrashRequest | None:
    """Return what the file named by ``ORDERFLOW_CRASH_FILE`` asks for; none without variable or file.

    Raises:
        SettingsError: The file does not say ``<point>:<hits>``.
    """
    file = Path(os.environ.get("ORDERFLOW_CRASH_FILE", ""))
    if not file.is_file():
        return None
    text = file.read_text(encoding="utf-8")
    point, _, hits = text.strip().partition(":")
    try:
        return CrashRequest(file, CrashPoint(point), int(hits))
    except ValueError:
        msg = f"{file}: expected <point>:<hits>, e.g. {CrashPoint.BEFORE_COMMIT}:3, got {text!r}"
        raise SettingsError(msg) from None


def _given(env_file: Path | None, overrides: Mapping[str, object]) -> dict[str, object]:
    """Return what the user wrote, by upper-case name, to quote it in errors."""
    given: dict[str, object] = dict(rules.names_in(env_file)) if env_file else {}
    given |= {name.upper(): value for name, value in os.environ.items()}
    return given | {name.upper(): value for name, value in overrides.items()}
