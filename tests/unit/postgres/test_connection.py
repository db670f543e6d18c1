"""Addresses: what is accepted, and that no password gets out."""

import pytest

from orderflow_recorder.domain.errors import SettingsError, SinkRefusedError, SinkUnavailableError
from orderflow_recorder.postgres.connection import connect, normalise_url, redact_url
from orderflow_recorder.postgres.engine import open_engine
from tests.support.database import with_database


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_three_schemes_mean_the_same(scheme: str) -> None:
    assert normalise_url(f"{scheme}://me:pw@db:5432/flow?sslmode=require") == (
        "postgresql://me:pw@db:5432/flow?sslmode=require"
    )


@pytest.mark.parametrize(
    "url", ["postgresql:///flow?host=/run/postgresql", "postgresql://a,b:5433/flow", "postgres://"]
)
def test_sockets_several_hosts_and_defaults_are_accepted(url: str) -> None:
    assert normalise_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "flow",
        "mysql://me:secret@db/flow",
        "postgresql://me:sec@ret@db/flow",
        "postgresql://me:sec/ret@db/flow",
        "postgresql://me:secret@db:port/flow",
        "postgresql://me:secret@db/flow?secretoption=1",
    ],
)
def test_anything_else_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(SettingsError, match="expected postgresql://user:password@host:port/database") as caught:
        normalise_url(url)
    assert "sec" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db:5432/flow", "postgresql://me:***@db:5432/flow"),
        ("postgresql://me@db/flow", "postgresql://me@db/flow"),
        ("postgresql://db/flow?user=me&password=secret&sslmode=require", None),
        ("postgresql://me:sec@ret@db/flow", "postgresql://me:***@db/flow"),
        ("postgresql://me:sec/ret@db/flow", "postgresql://me:***@db/flow"),
    ],
)
def test_a_shown_address_has_no_password(url: str, shown: str | None) -> None:
    assert redact_url(url) == (shown or "postgresql://db/flow?user=me&password=***&sslmode=require")


def test_nobody_listening_is_worth_another_try() -> None:
    with pytest.raises(SinkUnavailableError, match=r"postgresql://me:\*\*\*@127\.0\.0\.1:1/flow: .*refused"):
        connect("postgresql://me:secret@127.0.0.1:1/flow")


def test_a_missing_database_needs_a_person(postgres_url: str) -> None:
    with pytest.raises(SinkRefusedError, match=r'database "nowhere" does not exist; create the database'):
        connect(with_database(postgres_url, "nowhere"))


def test_the_engine_reaches_the_same_database(database_url: str) -> None:
    with connect(database_url) as plain, open_engine(database_url).connect() as connection:
        name = plain.execute("SELECT current_database()").fetchone()
        assert name == (connection.exec_driver_sql("SELECT current_database()").scalar(),)
