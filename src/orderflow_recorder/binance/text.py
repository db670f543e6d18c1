"""Text that came from outside, made safe to store, log and embed."""

from collections.abc import Sequence
from typing import Final

MAX_NESTING: Final = 64
"""Brackets inside brackets; the venue uses four. Decoders give up near 1,000, depending on who calls."""

_OBJECT_BYTES: Final = len(b'{"":')
"""How far from its beginning an object may have another one inside."""
_ALL_BUT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


def printable(text: str | bytes, limit: int = 160) -> str:
    """Return ``text`` on one line without control characters (``jsonb`` takes no NUL), shortened.

    Args:
        text: What came; bytes are read as UTF-8 as far as they are.
        limit: Characters to keep.
    """
    if isinstance(text, bytes):
        text = text[: 4 * limit].decode("utf-8", "replace")
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:limit])
    return shown + "…" if len(text) > limit else shown


def line_fault(document: bytes) -> str | None:
    """Say why valid JSON must not be put into a journal line as it is.

    msgspec skips what it was not asked for without checking its UTF-8, and copes with nesting that
    the next reader, deeper in its stack, may not.

    Args:
        document: Bytes that msgspec has accepted as JSON.

    Returns:
        The fault in words; none if there is none.
    """
    if b"\n" in document or b"\r" in document:
        return "expected JSON on one line, received a line break"
    if not document.isascii():
        try:
            document.decode()
        except UnicodeDecodeError as error:
            return f"expected UTF-8, received {error}"
    if _nests_deeply(document):
        return f"expected at most {MAX_NESTING} brackets inside each other, received more"
    return None


def may_share_lines(documents: Sequence[bytes]) -> bool:
    """Say whether none of ``documents`` has a `line_fault`, at the cost of one look at all of them.

    Args:
        documents: Bytes that msgspec has accepted as JSON, each by itself; at least one.

    Returns:
        False also where that could be told only one by one.
    """
    # JSON begins and ends with ASCII, so that no letter can come about between two documents.
    text = b"".join(documents)
    if b"\n" in text or b"\r" in text or not (text.isascii() or _is_utf8(text)):
        return False
    if b"[" not in text and max(map(len, documents)) <= MAX_NESTING * _OBJECT_BYTES:
        return True
    return not any(map(_nests_deeply, documents))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _nests_deeply(document: bytes) -> bool:
    # No more objects than that are inside each other (searching for the last is so much faster than counting) …
    objects = document.rfind(b"{") // _OBJECT_BYTES + 1
    arrays = document.count(b"[")
    # … and no more arrays than begin without another one ending right before.
    if objects + arrays <= MAX_NESTING or objects + arrays - document.count(b"],[") <= MAX_NESTING:
        return False
    # Without escapes every second piece between quotes is outside of strings.
    pieces = document.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
    brackets = b"".join(pieces[::2]).translate(None, _ALL_BUT_BRACKETS)
    for _ in range(MAX_NESTING):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return bool(brackets)
