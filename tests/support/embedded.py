"""Clusters of the embedded Postgres to test with."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from orderflow_recorder.postgres.embedded_process import Ownership, judge, read_pid
from orderflow_recorder.postgres.embedded_socket import client_directory

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
OWNER = """
import sys
from pathlib import Path
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
sys.stdin.read()
"""
"""A program that starts the server of the folder it is given, prints its URL, and waits to be killed."""


def copy_cluster(cluster: Path, place: Path) -> Path:
    shutil.copytree(cluster, place)
    if IS_ROOT:
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    return place


def end_server(place: Path) -> None:
    pid = read_pid(place)
    if pid is not None and judge(pid, place) is Ownership.OURS:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGQUIT)
        with suppress(psutil.NoSuchProcess):
            process.wait(10)
    link = client_directory(place)
    if link != place:
        link.unlink()


def add_row(url: str) -> int:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id bigserial)")
        connection.execute("INSERT INTO kept DEFAULT VALUES")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def postmaster(place: Path) -> int:
    pid = read_pid(place)
    assert pid is not None
    return pid


def is_dead(pid: int) -> bool:
    """Say whether the process has ended; who should bury it may not have done so yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
