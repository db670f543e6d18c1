"""What is said of a JetStream server that cannot be used, and which one can."""

import asyncio
from pathlib import Path

import pytest

from orderflow_recorder.domain.errors import JournalError, JournalUnavailableError
from orderflow_recorder.journal.jetstream.link import check_server
from tests.support.nats_server import NatsServer
from tests.support.processes import free_port


@pytest.mark.parametrize(
    ("configuration", "user", "text"),
    [
        ("", "", "expected a server with JetStream, got one without: start nats-server with -js"),
        (
            "jetstream { store_dir: STORE }\naccounts { A { users: [{ user: me, password: secret }] } }",
            "me:secret",
            "expected a server with JetStream, got one without",
        ),
        (
            "jetstream { store_dir: STORE }\nauthorization { user: me, password: secret }",
            "me:wrong",
            "got a refusal .* check user, password and host in JOURNAL_URL",
        ),
    ],
)
def test_a_server_that_cannot_be_used_is_explained(tmp_path: Path, configuration: str, user: str, text: str) -> None:
    with NatsServer(tmp_path, configuration, user) as server, pytest.raises(JournalError, match=text) as raised:
        asyncio.run(check_server(server.url, "main"))
    assert "wrong" not in str(raised.value)
    assert raised.type is JournalError


def test_a_password_that_is_right_is_taken(tmp_path: Path) -> None:
    configuration = 'jetstream { store_dir: STORE }\nauthorization { user: me, password: "p@ss:/" }'
    with NatsServer(tmp_path, configuration, "me:p%40ss%3A%2F") as server:
        asyncio.run(check_server(server.url, "main"))


def test_nobody_there_is_explained() -> None:
    url = f"nats://me:secret@127.0.0.1:{free_port()}"
    with pytest.raises(
        JournalUnavailableError, match=r"cannot be reached: .*refused|cannot be reached: .*failed"
    ) as raised:
        asyncio.run(check_server(url, "main"))
    assert "secret" not in str(raised.value)
