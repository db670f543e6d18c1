"""What is recorded at all, for those who ask for something that is not."""

from http import HTTPStatus

from starlette.exceptions import HTTPException

from orderflow_recorder.domain.market import Market
from orderflow_recorder.research import Database


def require_recorded(database: Database, market: Market, symbol: str, *streams: str) -> None:
    """Refuse a question about what nobody recorded; an answer without rows would hide a slip of the pen.

    Args:
        database: Where to look.
        market: The market.
        symbol: Upper case.
        streams: Of which one must be there; none of them: any will do.

    Raises:
        HTTPException: 404.
    """
    found = set(database.coverage(market, symbol)["stream"])
    if found and (not streams or found & set(streams)):
        return
    what = f"{market} {symbol} {' or '.join(streams)}".rstrip()
    there = f"there is {', '.join(sorted(found))}" if found else "/api/v1/coverage lists what there is"
    raise HTTPException(HTTPStatus.NOT_FOUND, f"expected something that is recorded, received {what}: {there}")
