"""Levels as texts, quantity by price: in order, with one number of decimals, compared.

That a price has one text holds as long as a symbol's prices have the same number of decimals. What is here notices
where it does not.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import compress, groupby

from orderflow_recorder.domain.errors import OrderflowError
from orderflow_recorder.domain.records import DecimalText


class AmbiguousPriceError(OrderflowError):
    """Texts in a book are, or look like, the same price, so that nobody knows which of the quantities holds."""

    def __init__(self, prices: Iterable[DecimalText]) -> None:
        """Name them."""
        super().__init__(f"expected one text for each price, received {', '.join(sorted(prices))}")


def is_zero(quantity: DecimalText) -> bool:
    """Return whether a level of this quantity is none."""
    return not quantity.strip("0.")


def decimals_of(price: DecimalText) -> int:
    """Return how many digits are behind its point."""
    return len(price) - 1 - price.index(".") if "." in price else 0


def padded(price: DecimalText, decimals: int) -> DecimalText:
    """Return ``price`` with so many decimals, of which it has no more."""
    missing = decimals - decimals_of(price)
    if not missing:
        return price
    return price + "0" * missing if "." in price else f"{price}.{'0' * missing}"


def widened(side: Mapping[DecimalText, DecimalText], decimals: int) -> dict[DecimalText, DecimalText]:
    """Return ``side`` with so many decimals in each price, none of which has more.

    Raises:
        AmbiguousPriceError: Two texts become the same price.
    """
    padded_prices = {padded(price, decimals): quantity for price, quantity in side.items()}
    if len(padded_prices) < len(side):
        raise AmbiguousPriceError(_same(side))
    return padded_prices


def in_order(side: Mapping[DecimalText, DecimalText], decimals: int) -> list[DecimalText]:
    """Return the prices of the levels that are not zero, lowest first.

    Raises:
        AmbiguousPriceError: Two texts are the same price.
    """
    # A float is zero where the text is, down to 323 decimals.
    there = compress(side, map(float, side.values()))
    if _are_plain(side, decimals):
        return sorted(sorted(there), key=len)
    if len(set(map(Decimal, side))) < len(side):
        raise AmbiguousPriceError(_same(side))
    return sorted(there, key=Decimal)


def _are_plain(prices: Iterable[DecimalText], decimals: int) -> bool:
    """Say whether all have so many decimals and no zeros before them.

    Then no two are the same number, and they rank by length and text. Looks at all of a length at once:
    a tenth of the time that it takes to make numbers of them.
    """
    by_length: dict[int, list[DecimalText]] = {}
    for length, run in groupby(prices, len):
        by_length.setdefault(length, []).extend(run)
    for length, some in by_length.items():
        text = "".join(some)
        if decimals and text[length - decimals - 1 :: length] != "." * len(some):
            return False
        if text.count(".") != len(some) * bool(decimals):
            return False
        whole = length - decimals - bool(decimals)
        if whole < 1 or (whole > 1 and "0" in text[::length]):
            return False
    return True


def _same(prices: Iterable[DecimalText]) -> list[DecimalText]:
    """Return the texts of the first price that has several."""
    first: dict[Decimal, DecimalText] = {}
    for price in prices:
        known = first.setdefault(Decimal(price), price)
        if known != price:
            return [known, price]
    return []


def difference(
    ours: Mapping[DecimalText, DecimalText],
    theirs: Mapping[DecimalText, DecimalText],
    we_know: Callable[[Decimal], bool],
    they_know: Callable[[Decimal], bool],
) -> str | None:
    """Return a level that both know and that differs.

    A level that is there is known, wherever it stands: a diff brought it.
    """
    for price, quantity in ours.items():
        other = theirs.get(price)
        if other == quantity:
            continue
        if other is None:
            wrong = not is_zero(quantity) and they_know(Decimal(price))
        else:
            wrong = Decimal(other) != Decimal(quantity)
        if wrong:
            return f"{price}: {quantity} here, {other or 'none'} there"
    for price, quantity in theirs.items():
        if price not in ours and not is_zero(quantity) and we_know(Decimal(price)):
            return f"{price}: none here, {quantity} there"
    return None
