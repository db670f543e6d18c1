"""Daily files as the venue's archive has them, made up."""

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path


def write_archive(path: Path, lines: Sequence[str]) -> Path:
    """Write a zipped table and its checksum to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.with_suffix(".csv").name, "".join(line + "\n" for line in lines))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".CHECKSUM").write_text(f"{digest}  {path.name}\n")
    return path
