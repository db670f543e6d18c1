"""Archive files from folders and from a real HTTP server: verified, or not used."""

import ssl
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from orderflow_recorder.binance.archive import ArchiveError, archive_file
from orderflow_recorder.binance.archive_store import open_store, read_rows
from orderflow_recorder.domain.market import Market
from tests.support.archive_files import write_archive

FILE = archive_file(Market.USDM, "BTCUSDT", "trade", date(2026, 10, 1))
LINES = ["id,price,qty,quote_qty,time,is_buyer_maker", "5,1.0,2,2,1790000000000,true", "7,1.0,2,2,1790000000000,true"]
TLS = ssl.create_default_context()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serve ``folder`` on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ids(place: str) -> list[int] | None:
    """Return the ids that the store at ``place`` has in the file, none if it has no such file."""
    with open_store(place, verify=TLS).fetch(FILE) as path:
        return None if path is None else [number for number, _ in read_rows(FILE, path)]


@pytest.mark.parametrize("place", [FILE.path, FILE.path.removeprefix("data/"), FILE.name])
def test_a_folder_like_the_archives_or_flat(tmp_path: Path, place: str) -> None:
    write_archive(tmp_path / place, LINES)
    assert ids(str(tmp_path)) == [5, 7]


def test_a_site(tmp_path: Path) -> None:
    write_archive(tmp_path / FILE.path, LINES)
    with site(tmp_path) as url:
        assert ids(url) == [5, 7]


def test_a_file_that_is_not_there_yet_is_none(tmp_path: Path) -> None:
    with site(tmp_path) as url:
        assert ids(url) is None
    assert ids(str(tmp_path)) is None


def test_a_file_unlike_its_checksum_is_not_used(tmp_path: Path) -> None:
    path = write_archive(tmp_path / FILE.path, LINES)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ArchiveError, match=r"expected SHA-256 .* nothing of it was used"):
        ids(str(tmp_path))
    with site(tmp_path) as url, pytest.raises(ArchiveError, match="expected SHA-256"):
        ids(url)


def test_a_file_without_a_checksum_is_not_used(tmp_path: Path) -> None:
    path = write_archive(tmp_path / FILE.path, LINES)
    path.with_name(path.name + ".CHECKSUM").unlink()
    with pytest.raises(ArchiveError, match="CHECKSUM"):
        ids(str(tmp_path))


def test_what_is_no_zip_and_a_zip_of_two_tables_are_errors(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"hello")
    with pytest.raises(ArchiveError, match="cannot be read"):
        list(read_rows(FILE, tmp_path / "no.zip"))
    path = write_archive(tmp_path / FILE.name, LINES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.csv", "")
    with pytest.raises(ArchiveError, match="expected one table"):
        list(read_rows(FILE, path))


def test_a_site_that_fails_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with site(tmp_path) as url:
        pass
    with pytest.raises(ArchiveError, match="cannot get"):
        ids(url)
    with pytest.raises(ArchiveError, match="expected a folder or a URL"):
        ids(str(tmp_path / "nowhere"))
