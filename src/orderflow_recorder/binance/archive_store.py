"""Where archive files come from: a folder, or the venue's site. Each is verified before it is read."""

import csv
import hashlib
import io
import ssl
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from orderflow_recorder.binance.archive import ArchiveError, ArchiveFile, rest_rows
from orderflow_recorder.binance.faults import describe_error, describe_status
from orderflow_recorder.binance.text import printable

_CHECKSUM: Final = ".CHECKSUM"
_TIMEOUT_S: Final = 30.0


class ArchiveStore(Protocol):
    """A place with archive files."""

    @contextmanager
    def fetch(self, file: ArchiveFile) -> Iterator[Path | None]:
        """Give the verified file, none where the place has none (yet).

        Raises:
            ArchiveError: It cannot be had, or is not what its checksum says.
        """
        ...


def open_store(place: str, *, verify: ssl.SSLContext) -> ArchiveStore:
    """Return the store at ``place``.

    Args:
        place: A base URL such as ``https://data.binance.vision``, or a folder with the archive's own
            folders (``data/spot/daily/…``) or with the files side by side.
        verify: TLS settings.

    Raises:
        ArchiveError: There is no such folder.
    """
    if place.startswith(("http://", "https://")):
        return SiteStore(place, verify=verify)
    folder = Path(place)
    if not folder.is_dir():
        message = f"expected a folder or a URL of archive files, got {place}"
        raise ArchiveError(message)
    return FolderStore(folder)


def read_rows(file: ArchiveFile, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row's id and what REST would have said of it, without holding the file in memory.

    Raises:
        ArchiveError: It is no archive of one table, or a line is not what the venue documents.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                message = f"{file.name}: expected one table inside, received {printable(', '.join(names))}"
                raise ArchiveError(message)
            with archive.open(names[0]) as table:
                yield from rest_rows(file, csv.reader(io.TextIOWrapper(table, "utf-8", newline="")))
    except (zipfile.BadZipFile, zlib.error, OSError, csv.Error, UnicodeDecodeError) as error:
        message = f"{file.name}: cannot be read: {error}"
        raise ArchiveError(message) from error


class FolderStore:
    """Files on disk."""

    def __init__(self, folder: Path) -> None:
        """Look into ``folder``."""
        self._folder = folder

    @contextmanager
    def fetch(self, file: ArchiveFile) -> Iterator[Path | None]:
        """Give the verified file, none where the folder has none."""
        places = [self._folder / file.path, self._folder / file.path.removeprefix("data/"), self._folder / file.name]
        found = next((place for place in places if place.is_file()), None)
        if found is not None:
            try:
                checksum = found.with_name(found.name + _CHECKSUM).read_text(encoding="utf-8", errors="replace")
                digest = _digest(found)
            except OSError as error:
                message = f"{found}: expected the file and its checksum beside it, {found.name}{_CHECKSUM}: {error}"
                raise ArchiveError(message) from error
            _require_match(str(found), digest, checksum)
        yield found


class SiteStore:
    """Files on a site like the venue's; each is downloaded to a temporary folder."""

    def __init__(self, base_url: str, *, verify: ssl.SSLContext) -> None:
        """Ask ``base_url``."""
        self._base_url = base_url.rstrip("/")
        self._verify = verify

    @contextmanager
    def fetch(self, file: ArchiveFile) -> Iterator[Path | None]:
        """Give the verified file, none where the site has none (yet)."""
        with tempfile.TemporaryDirectory(prefix="orderflow-archive-") as folder:
            yield self._download(file, Path(folder) / file.name)

    def _download(self, file: ArchiveFile, target: Path) -> Path | None:
        url = f"{self._base_url}/{file.path}"
        try:
            with httpx.Client(verify=self._verify, timeout=_TIMEOUT_S, follow_redirects=True) as client:
                checksum = client.get(url + _CHECKSUM)
                if checksum.status_code == httpx.codes.NOT_FOUND:
                    return None
                _require_good(checksum)
                with client.stream("GET", url) as answer, target.open("wb") as output:
                    _require_good(answer)
                    for block in answer.iter_bytes():
                        output.write(block)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            message = f"cannot get {url}: {describe_error(error)}"
            raise ArchiveError(message) from error
        _require_match(url, _digest(target), checksum.text)
        return target


def _require_good(answer: httpx.Response) -> None:
    if not answer.is_success:
        message = f"cannot get {answer.request.url}: {describe_status(answer.status_code)}"
        raise ArchiveError(message)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_match(place: str, digest: str, checksum: str) -> None:
    """Compare with a line of ``sha256sum``: the digest, then the name."""
    expected = (checksum.split() or [""])[0].lower()
    if digest != expected:
        message = (
            f"{place}: expected SHA-256 {printable(expected)} as its {_CHECKSUM} says, received {digest}; "
            "nothing of it was used, get both files again"
        )
        raise ArchiveError(message)
