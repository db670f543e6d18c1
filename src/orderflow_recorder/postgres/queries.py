"""The SQL of `reads`, one constant a query."""

from typing import Final, LiteralString

SUMMARIES: Final[LiteralString] = """
SELECT market, symbol, 'trades', count(*), min(trade_id), max(trade_id)
FROM public.trades GROUP BY market, symbol
UNION ALL
SELECT market, symbol, 'agg_trades', count(*), min(agg_trade_id), max(agg_trade_id)
FROM public.agg_trades GROUP BY market, symbol
UNION ALL
SELECT market, symbol, 'depth_diffs', count(*), min(first_update_id), max(final_update_id)
FROM public.depth_diffs GROUP BY market, symbol
UNION ALL
SELECT market, symbol, 'book_snapshots', count(*), min(last_update_id), max(last_update_id)
FROM public.book_snapshots GROUP BY market, symbol
UNION ALL
SELECT market, symbol, 'book_tops', count(*), min(last_update_id), max(last_update_id)
FROM public.book_tops GROUP BY market, symbol
UNION ALL
SELECT market, symbol, 'book_tickers', count(*), min(update_id), max(update_id)
FROM public.book_tickers GROUP BY market, symbol
UNION ALL
SELECT market, symbol, 'mark_prices', count(*), NULL, NULL
FROM public.mark_prices GROUP BY market, symbol
UNION ALL
SELECT market, symbol, 'liquidations', count(*), NULL, NULL
FROM public.liquidations GROUP BY market, symbol
"""

# The ledger knows what is missing; ids that the venue spent without a trade are not.
HOLES: Final[LiteralString] = """
SELECT covered.market, covered.symbol,
       CASE covered.stream WHEN 'trade' THEN 'trades' WHEN 'aggTrade' THEN 'agg_trades' ELSE 'depth_diffs' END,
       coalesce(sum(missing.last_missing_id - missing.first_missing_id + 1), 0)::bigint
FROM public.coverage AS covered
LEFT JOIN public.gaps AS missing
    ON missing.market = covered.market AND missing.symbol = covered.symbol AND missing.stream = covered.stream
    AND missing.status <> 'healed'
WHERE covered.last_id IS NOT NULL
GROUP BY 1, 2, 3
"""

# extract() is numeric and exact; text[] keeps the digits as the venue wrote them.
SNAPSHOTS: Final[LiteralString] = """
SELECT last_update_id, source, (extract(epoch FROM receive_time) * 1000000)::bigint * 1000,
       bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[],
       known_bid::text, known_ask::text
FROM public.book_snapshots
WHERE market = %(market)s AND symbol = %(symbol)s
ORDER BY receive_time, last_update_id, source
"""

DIFFS: Final[LiteralString] = """
SELECT first_update_id, final_update_id, previous_final_update_id,
       (extract(epoch FROM event_time) * 1000000)::bigint * 1000,
       (extract(epoch FROM transaction_time) * 1000000)::bigint * 1000,
       (extract(epoch FROM receive_time) * 1000000)::bigint * 1000,
       bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[]
FROM public.depth_diffs
WHERE market = %(market)s AND symbol = %(symbol)s AND final_update_id > %(after)s
ORDER BY final_update_id, event_time
"""

POSITIONS: Final[LiteralString] = """
SELECT instance, sink, segment, byte_offset, updated_at,
       extract(epoch FROM clock_timestamp() - updated_at)::double precision
FROM public.loader_positions
ORDER BY instance, sink
"""

TIMESCALE_INSTALLED: Final[LiteralString] = """
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
   AND current_setting('timescaledb.license', true) IS NOT NULL
"""
