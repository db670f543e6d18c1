"""Control frames, small enough for the venue.

A frame above about 4 kB got no answer at all, so names are split by bytes and by count.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from orderflow_recorder.domain.errors import SettingsError

MAX_FRAME_BYTES: Final = 4_000
MAX_FRAME_NAMES: Final = 100

Method = Literal["SUBSCRIBE", "UNSUBSCRIBE"]


def control_frames(method: Method, names: Sequence[str], request_ids: Iterator[int]) -> list[bytes]:
    """Split ``names`` into control frames, in order.

    Args:
        method: What to ask for.
        names: Wire names, lower-case symbol included.
        request_ids: Gives each frame an id of its own.

    Returns:
        Frames of at most `MAX_FRAME_BYTES` of UTF-8 and `MAX_FRAME_NAMES` names; none for no names.

    Raises:
        SettingsError: One name alone is larger than a frame may be.
    """
    frames: list[bytes] = []
    batch: list[str] = []
    request_id = 0
    size = 0
    for name in names:
        name_bytes = len(msgspec.json.encode(name)) + 1
        if not batch or len(batch) == MAX_FRAME_NAMES or size + name_bytes > MAX_FRAME_BYTES:
            if batch:
                frames.append(_frame(method, batch, request_id))
            batch = []
            request_id = next(request_ids)
            size = len(_frame(method, batch, request_id))
            if size + name_bytes > MAX_FRAME_BYTES:
                message = f"stream name {name[:40]!r}… has {name_bytes - 3} bytes: the venue takes no such name"
                raise SettingsError(message)
        batch.append(name)
        size += name_bytes
    if batch:
        frames.append(_frame(method, batch, request_id))
    return frames


def _frame(method: Method, names: list[str], request_id: int) -> bytes:
    return msgspec.json.encode({"method": method, "params": names, "id": request_id})
