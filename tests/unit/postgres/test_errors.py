"""Which failure means what."""

import psycopg
import pytest
from psycopg import errors

from orderflow_recorder.domain.errors import SchemaMismatchError, SinkRefusedError, SinkUnavailableError
from orderflow_recorder.postgres.errors import sink_error

ADDRESS = "postgresql://me:***@db/flow"


@pytest.mark.parametrize(
    "kind",
    [
        psycopg.OperationalError,
        psycopg.InterfaceError,
        errors.AdminShutdown,
        errors.CannotConnectNow,
        errors.ConnectionFailure,
        errors.DeadlockDetected,
        errors.DiskFull,
        errors.OutOfMemory,
        errors.QueryCanceled,
        errors.ReadOnlySqlTransaction,
        errors.SerializationFailure,
        errors.TooManyConnections,
    ],
)
def test_what_time_may_mend_is_unavailable(kind: type[psycopg.Error]) -> None:
    assert isinstance(sink_error(kind("x"), ADDRESS), SinkUnavailableError)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (errors.InvalidPassword, "check user and password"),
        (errors.InvalidAuthorizationSpecification, "check user and password"),
        (errors.InvalidCatalogName, "create the database"),
        (errors.InsufficientPrivilege, "grant"),
        (errors.SyntaxError, "please report it"),
        (errors.InternalError_, "please report it"),
    ],
)
def test_what_a_person_must_mend_is_refused_with_what_to_do(kind: type[psycopg.Error], advice: str) -> None:
    error = sink_error(kind("line one\nline two"), ADDRESS)
    assert isinstance(error, SinkRefusedError)
    assert str(error).startswith(f"{ADDRESS}: line one line two")
    assert advice in str(error)
    assert "\n" not in str(error)


def test_an_extension_that_is_not_loaded_says_what_to_do() -> None:
    error = sink_error(errors.InternalError_('extension "timescaledb" must be preloaded'), ADDRESS)
    assert isinstance(error, SinkRefusedError)
    assert str(error).endswith("add timescaledb to shared_preload_libraries and restart the server")


@pytest.mark.parametrize("kind", [errors.UndefinedTable, errors.UndefinedColumn])
def test_a_missing_table_or_column_is_a_schema_mismatch(kind: type[psycopg.Error]) -> None:
    error = sink_error(kind("x"), ADDRESS)
    assert isinstance(error, SchemaMismatchError)
    assert "run `orderflow-recorder db upgrade`" in str(error)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('FATAL:  password authentication failed for user "me"', "check user and password"),
        ("fe_sendauth: no password supplied", "check user and password"),
        ('FATAL:  role "me" does not exist', "check user and password"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "pg_hba.conf"),
        ('FATAL:  database "flow" does not exist', "create the database"),
        ('FATAL:  permission denied for database "flow"', "grant"),
    ],
)
def test_refusals_while_connecting_are_known_by_their_words(text: str, advice: str) -> None:
    error = sink_error(psycopg.OperationalError(f"connection failed: {text}"), ADDRESS)
    assert isinstance(error, SinkRefusedError)
    assert advice in str(error)


@pytest.mark.parametrize("text", ["the database system is starting up", "sorry, too many clients already", "timeout"])
def test_other_words_while_connecting_are_worth_another_try(text: str) -> None:
    assert isinstance(sink_error(psycopg.OperationalError(f"FATAL:  {text}"), ADDRESS), SinkUnavailableError)
