-- Spread and depth: how wide is the market, and how much rests near the middle?
--
-- Parameters  market, symbol; start, end: venue's clock, end exclusive; step: a book is taken at start and every step;
--             band_bps: depth counts to this distance from mid, basis points
-- Columns     at; bid, ask: best prices, quote asset; spread_bps: (ask - bid) / mid, mid = (bid + ask) / 2, basis
--             points, three digits; bid_depth, ask_depth: quantity within the band, base asset; imbalance:
--             (bid_depth - ask_depth) / (bid_depth + ask_depth), six digits; deep_enough: the known book reaches to the
--             end of the band on both sides; note: why a book is missing
-- Holes       inside a hole of the book the figures are null and note has the reason; nothing is carried across
-- Reads       book_levels and book_verdict at each step: one snapshot or checkpoint, and the depth_diffs since
WITH samples AS (
    SELECT at FROM generate_series(:'start', timestamptz :'end' - interval '1 microsecond', :'step') AS at
)
SELECT at, bid, ask, round((ask - bid) / mid * 10000, 3) AS spread_bps, bid_depth, ask_depth,
       round((bid_depth - ask_depth) / nullif(bid_depth + ask_depth, 0), 6) AS imbalance, deep_enough,
       CASE WHEN NOT trusted THEN reason END AS note
FROM samples
CROSS JOIN LATERAL book_verdict(:'market', :'symbol', at)
LEFT JOIN LATERAL (
    SELECT bid, ask, mid,
           coalesce(sum(quantity) FILTER (WHERE side = 'bid' AND price >= lower_end), 0) AS bid_depth,
           coalesce(sum(quantity) FILTER (WHERE side = 'ask' AND price <= upper_end), 0) AS ask_depth,
           coalesce(min(price) FILTER (WHERE side = 'bid' AND known) <= lower_end
                    AND max(price) FILTER (WHERE side = 'ask' AND known) >= upper_end, false) AS deep_enough
    FROM (
        SELECT *, max(price) FILTER (WHERE side = 'bid') OVER () AS bid,
               min(price) FILTER (WHERE side = 'ask') OVER () AS ask
        FROM book_levels(:'market', :'symbol', at, NULL)
    ) AS levels
    CROSS JOIN LATERAL (SELECT (bid + ask) / 2 AS mid) AS middle
    CROSS JOIN LATERAL (
        SELECT mid * (1 - :'band_bps'::numeric / 10000) AS lower_end,
               mid * (1 + :'band_bps'::numeric / 10000) AS upper_end
    ) AS band
    GROUP BY bid, ask, mid, lower_end, upper_end
) AS book ON true
ORDER BY at;
