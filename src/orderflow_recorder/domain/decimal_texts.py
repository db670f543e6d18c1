"""Many decimal texts as one: most of a book's levels are stored without anybody ever looking at one."""

from abc import ABCMeta
from collections.abc import Iterator, Sequence
from typing import overload

import msgspec


class _Meta(msgspec.StructMeta, ABCMeta):
    """Of a struct that is a `Sequence`."""


class DecimalTexts(  # noqa: PLW1641  # what is equal to a list has no hash
    msgspec.Struct, Sequence[str], metaclass=_Meta, gc=False, eq=False
):
    """Decimal texts with a comma between them; the texts themselves are made for whoever asks.

    Equal to any sequence of the same texts.

    Attributes:
        text: All of them, e.g. ``61737.63,61737.64``; empty for none. Whoever made it may set it before it is shared.
    """

    text: str = ""

    def __len__(self) -> int:
        """Return how many there are."""
        return self.text.count(",") + 1 if self.text else 0

    def __iter__(self) -> Iterator[str]:
        """Iterate over them."""
        return iter(self._split())

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Return one or some of them."""
        return self._split()[place]

    def __eq__(self, other: object) -> bool:
        """Say whether ``other`` is the same texts."""
        if isinstance(other, DecimalTexts):
            return self.text == other.text
        return self._split() == list(other) if isinstance(other, Sequence) and not isinstance(other, str) else False

    def __repr__(self) -> str:
        """Show them as a list does."""
        return repr(self._split())

    def _split(self) -> list[str]:
        return self.text.split(",") if self.text else []


def joined(texts: Sequence[str]) -> str:
    """Return the texts with a comma between them (hot path)."""
    return texts.text if type(texts) is DecimalTexts else ",".join(texts)
