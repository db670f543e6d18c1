-- Slippage: what would a market order of this size have paid at this instant?
--
-- Parameters  market, symbol; at: instant, venue's clock; size: of the order, base asset
-- Columns     side: the order's, BUY walks the asks, SELL the bids; filled: what the known book takes of it, base
--             asset; levels: how many; best_price, worst_price, average_price: of the fill, quote asset, 8 digits;
--             mid: (best bid + best ask) / 2; slippage_bps: average_price against mid, a cost is positive, basis
--             points of mid, three digits; note: why there is no price, or what else is to be known
-- Holes       inside a hole of the book there is none: prices are null, note has the reason. Levels beyond the edge of
--             the book (known is false) do not fill: if it is not deep enough, average_price is null
-- Reads       book_levels and book_verdict: one snapshot or checkpoint, and the depth_diffs since
WITH levels AS MATERIALIZED (
    SELECT side, price, quantity,
           sum(quantity) OVER (PARTITION BY side ORDER BY CASE side WHEN 'bid' THEN -price ELSE price END) AS until
    FROM book_levels(:'market', :'symbol', :'at', NULL)
    WHERE known
),
touch AS (
    SELECT (max(price) FILTER (WHERE side = 'bid') + min(price) FILTER (WHERE side = 'ask')) / 2 AS mid FROM levels
),
walked AS (
    SELECT side, price, least(until, :'size'::numeric) - (until - quantity) AS quantity
    FROM levels
    WHERE until - quantity < :'size'::numeric
),
orders AS (
    SELECT orders.side, coalesce(sum(quantity), 0) AS filled, count(price) AS levels,
           CASE orders.side WHEN 'BUY' THEN min(price) ELSE max(price) END AS best_price,
           CASE orders.side WHEN 'BUY' THEN max(price) ELSE min(price) END AS worst_price,
           CASE WHEN sum(quantity) = :'size'::numeric THEN sum(price * quantity) / sum(quantity) END AS average_price
    FROM (VALUES ('BUY', 'ask'), ('SELL', 'bid')) AS orders (side, book_side)
    LEFT JOIN walked ON walked.side = book_side
    GROUP BY orders.side
)
SELECT side, filled, levels, best_price, worst_price, round(average_price, 8) AS average_price,
       round(mid, 8) AS mid,
       round(CASE side WHEN 'BUY' THEN average_price - mid ELSE mid - average_price END / mid * 10000, 3)
       AS slippage_bps,
       nullif(concat_ws('; ', CASE WHEN NOT trusted THEN reason END,
                        CASE WHEN checkpoint IS NOT NULL AND average_price IS NULL
                             THEN 'the known book is not deep enough' END), '') AS note
FROM orders, touch, book_verdict(:'market', :'symbol', :'at')
ORDER BY side;
