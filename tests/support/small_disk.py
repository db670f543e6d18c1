"""A filesystem of one mebibyte, to be filled up."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """Mount a tmpfs of 1 MiB at ``directory``; skip the test where that is not allowed."""
    directory.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small filesystem")
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"needs permission to mount a small filesystem: {mounted.stderr.decode()}")
    try:
        yield directory
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(directory)], check=True)
