"""Where clients find the embedded server's socket."""

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
_LONGEST = 103
"""Bytes of a socket's path: the kernel's field holds 104 on macOS and 108 on Linux, with the final zero."""
_SHARED_FOLDER = Path("/tmp")  # noqa: S108  # short everywhere, unlike TMPDIR; what we find there is checked


def client_directory(data_dir: Path) -> Path:
    """Return the folder to connect through: the cluster itself, or a short link to it.

    The server's socket is always inside the cluster. Clients need the link where the path to it is longer than the
    system allows, or holds a comma, at which libpq cuts.
    """
    if len(os.fsencode(data_dir / SOCKET_NAME)) <= _LONGEST and "," not in str(data_dir):
        return data_dir
    folder = private_folder(_SHARED_FOLDER)
    link = folder / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    with suppress(FileExistsError):
        # In a folder that only we can write, a link of this name can only be ours and to this directory.
        link.symlink_to(data_dir)
    return link


def private_folder(shared: Path) -> Path:
    """Return a folder in ``shared`` that only we can enter, the same one each time.

    Where another user took the name first, a fresh one under a random name: theirs could lead us to their server.
    """
    folder = shared / f"orderflow-{os.geteuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix="orderflow-", dir=shared))


def is_listening(directory: Path) -> bool:
    """Say whether some process accepts connections at the socket in ``directory``, visible to us or not."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(directory / SOCKET_NAME))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # a full queue of connections, or a socket closed to us: somebody is there
    return True
