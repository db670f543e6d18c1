"""What can go wrong with an export's files."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orderflow_recorder.domain.errors import OrderflowError


class ExportError(OrderflowError):
    """The export cannot go on; the text says what to do. What is finished stays."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one line for people.

    Args:
        path: What is written, for the text.

    Raises:
        ExportError: The disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOSPC:
            raise ExportError(
                f"disk full: {path} cannot be written; free some space and run the export again: "
                "it goes on where it stopped"
            ) from error
        raise ExportError(
            f"cannot write {path}: {reason}; choose another folder with --to, or mend this one"
        ) from error
