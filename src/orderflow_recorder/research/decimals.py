"""Decimal text to Arrow numbers, exactly or as floats.

Arrow's own conversion is fast, and right for what fits ``decimal128(38, 18)``. Of what does not fit it
refuses some and turns some into other numbers without a word. So it only gets what is sure to fit;
anything else goes through Python's decimals, which settle it.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Numbers: TypeAlias = Literal["exact", "float", "text"]
"""How prices and quantities come: as exact decimals, as the nearest float, or as the digits that the venue sent."""

DECIMAL: Final = pa.decimal128(38, 18)
"""20 digits before the point and 18 after it: more than the venue sends of any symbol."""

NUMBER_TYPES: Final[dict[Numbers, pa.DataType]] = {"exact": DECIMAL, "float": pa.float64(), "text": pa.string()}

_STEP: Final = Decimal(1).scaleb(-DECIMAL.scale)
_CONTEXT: Final = Context(prec=DECIMAL.precision, traps=[Inexact, InvalidOperation])
_MOST_WHOLE_DIGITS: Final = DECIMAL.precision - DECIMAL.scale


class DoesNotFitError(ValueError):
    """A text is no number of ``decimal128(38, 18)``; its first argument is the text."""


def to_numbers(texts: pa.Array, target: pa.DataType) -> pa.Array:
    """Return the numbers that ``texts`` write out.

    Args:
        texts: Strings as Postgres writes a ``numeric``; nulls stay null.
        target: One of `NUMBER_TYPES`.

    Raises:
        DoesNotFitError: One of them has too many digits for an exact number, or is none (NaN).
    """
    if target != DECIMAL:
        return texts.cast(target)
    if not _all_fit(texts):
        return _slowly(texts)
    try:
        return texts.cast(DECIMAL)
    except pa.ArrowInvalid:
        return _slowly(texts)


def to_lists(texts: pa.Array, target: pa.DataType) -> pa.Array:
    """Return the lists of numbers that ``texts`` write out.

    Args:
        texts: Strings as Postgres writes a ``numeric[]``, e.g. ``{1.5,2}``; without nulls.
        target: What they are lists of, one of `NUMBER_TYPES`.

    Raises:
        DoesNotFitError: As of `to_numbers`.
    """
    inner = pc.utf8_slice_codeunits(texts, 1, -1)
    parts = pc.split_pattern(inner, ",")
    # Of an empty list remains one part without text: no number.
    lengths = pc.if_else(pc.equal(inner, ""), 0, pc.list_value_length(parts))
    values = parts.flatten()
    values = values.filter(pc.not_equal(values, ""))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, to_numbers(values, target))


def _all_fit(texts: pa.Array) -> bool:
    """Say whether no number has more digits than a decimal, in all or before its point; a sign counts as one."""
    lengths = pc.binary_length(texts)
    longest = pc.max(lengths).as_py() or 0
    if longest <= _MOST_WHOLE_DIGITS:
        return True
    point = pc.find_substring(texts, ".")
    whole = pc.if_else(pc.equal(point, -1), lengths, point)
    return bool(longest <= DECIMAL.precision and pc.max(whole).as_py() <= _MOST_WHOLE_DIGITS)


def _slowly(texts: pa.Array) -> pa.Array:
    return pa.array([None if text is None else _exactly(text) for text in texts.to_pylist()], DECIMAL)


def _exactly(text: str) -> Decimal:
    try:
        number = Decimal(text).quantize(_STEP, context=_CONTEXT)
    except (Inexact, InvalidOperation):
        raise DoesNotFitError(text) from None
    if not number.is_finite():
        raise DoesNotFitError(text)
    return number
