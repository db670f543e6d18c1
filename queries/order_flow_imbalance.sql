-- Order-flow imbalance at the best prices (Cont, Kukanov, Stoikov 2014): did demand or supply grow at the touch?
--
-- Parameters  market, symbol; start, end: venue's clock, end exclusive; bucket: length of a bucket
-- Columns     bucket: its start; ofi: sum of e over its updates, base asset; updates: how many; mid_change: sum of the
--             updates' changes of (bid + ask) / 2, quote asset; complete: no hole touches the bucket
-- Definition  an update changes best bid and ask from (b, qb; a, qa) to (b', qb'; a', qa'):
--             e = [b' >= b] qb' - [b' <= b] qb - [a' <= a] qa' + [a' >= a] qa, where [true] = 1 and [false] = 0
-- Time        event_time; spot's best prices carry none and take that of the first depth update with their id or a
--             later one, at most one interval of the depth stream late
-- Holes       no e is taken across a hole; complete is false in the buckets before and after it
-- Reads       book_tickers, where they have a row, else book_tops: natural key, by receive_time as wide as the window
--             was heard, seen from its depth_diffs and trades; on spot also the window's depth_diffs
WITH window_rows AS (
    (SELECT receive_time FROM depth_diffs
     WHERE market = :'market' AND symbol = :'symbol' AND event_time >= :'start' AND event_time < :'end'
     ORDER BY event_time LIMIT 1)
    UNION ALL
    (SELECT receive_time FROM depth_diffs
     WHERE market = :'market' AND symbol = :'symbol' AND event_time >= :'start' AND event_time < :'end'
     ORDER BY event_time DESC LIMIT 1)
    UNION ALL
    (SELECT receive_time FROM trades
     WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
       AND event_time IS NOT NULL  -- null: fetched later
     ORDER BY trade_time LIMIT 1)
    UNION ALL
    (SELECT receive_time FROM trades
     WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
       AND event_time IS NOT NULL
     ORDER BY trade_time DESC LIMIT 1)
    UNION ALL
    (SELECT receive_time FROM agg_trades
     WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
       AND event_time IS NOT NULL
     ORDER BY trade_time LIMIT 1)
    UNION ALL
    (SELECT receive_time FROM agg_trades
     WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
       AND event_time IS NOT NULL
     ORDER BY trade_time DESC LIMIT 1)
),
heard AS MATERIALIZED (  -- 10 s: frames come late by different amounts
    SELECT min(receive_time) - interval '10 seconds' AS since, max(receive_time) + interval '10 seconds' AS until
    FROM window_rows
),
quotes AS (
    SELECT 'bookTicker' AS streams, update_id, event_time, receive_time,
           bid_price, bid_quantity, ask_price, ask_quantity
    FROM book_tickers
    WHERE market = :'market' AND symbol = :'symbol'
      AND receive_time >= (SELECT since FROM heard) AND receive_time <= (SELECT until FROM heard)
    UNION ALL
    SELECT 'depth%', last_update_id, event_time, receive_time,
           bid_prices[1], bid_quantities[1], ask_prices[1], ask_quantities[1]
    FROM book_tops
    WHERE market = :'market' AND symbol = :'symbol'
      AND receive_time >= (SELECT since FROM heard) AND receive_time <= (SELECT until FROM heard)
      AND NOT EXISTS (
          SELECT FROM book_tickers
          WHERE market = :'market' AND symbol = :'symbol'
            AND receive_time >= (SELECT since FROM heard) AND receive_time <= (SELECT until FROM heard))
),
dated AS (  -- each depth update lends its time to the quotes up to its id
    SELECT streams, update_id, receive_time, bid_price, bid_quantity, ask_price, ask_quantity,
           coalesce(event_time, min(lent_time) OVER (ORDER BY update_id DESC)) AS event_time
    FROM (
        SELECT *, NULL::timestamptz AS lent_time FROM quotes WHERE bid_price > 0 AND ask_price > 0
        UNION ALL
        SELECT NULL, final_update_id, NULL, NULL, NULL, NULL, NULL, NULL, event_time
        FROM depth_diffs
        WHERE market = :'market' AND symbol = :'symbol' AND :'market' = 'spot'
          AND event_time >= timestamptz :'start' - interval '10 seconds'
          AND event_time < timestamptz :'end' + interval '10 seconds'
    ) AS quotes_and_diffs
),
holes AS MATERIALIZED (  -- gaps and quotes by one clock, ours
    SELECT stream, coalesce(from_time, '-infinity') AS from_time, coalesce(to_time, 'infinity') AS to_time
    FROM gaps, heard
    WHERE market = :'market' AND symbol = :'symbol' AND status <> 'healed'
      AND (to_time >= since) IS NOT FALSE AND (from_time <= until) IS NOT FALSE
),
steps AS (
    SELECT dated.*,
           coalesce(lag(receive_time) OVER updates, since) AS previous_time,
           coalesce(lead(receive_time) OVER updates, until) AS next_time,
           lag(bid_price) OVER updates AS previous_bid, lag(bid_quantity) OVER updates AS previous_bid_quantity,
           lag(ask_price) OVER updates AS previous_ask, lag(ask_quantity) OVER updates AS previous_ask_quantity
    FROM dated, heard
    WHERE streams IS NOT NULL
    WINDOW updates AS (ORDER BY update_id, receive_time)
),
marked AS (
    SELECT *,
           EXISTS (SELECT FROM holes WHERE stream LIKE streams AND from_time < steps.receive_time
                   AND to_time > previous_time) AS after_hole,
           EXISTS (SELECT FROM holes WHERE stream LIKE streams AND from_time < next_time
                   AND to_time > steps.receive_time) AS before_hole
    FROM steps
    WHERE event_time >= :'start' AND event_time < :'end'
),
contributions AS (
    SELECT event_time, after_hole, before_hole,
           CASE WHEN bid_price >= previous_bid THEN bid_quantity ELSE 0 END
           - CASE WHEN bid_price <= previous_bid THEN previous_bid_quantity ELSE 0 END
           - CASE WHEN ask_price <= previous_ask THEN ask_quantity ELSE 0 END
           + CASE WHEN ask_price >= previous_ask THEN previous_ask_quantity ELSE 0 END AS e,
           round((bid_price + ask_price - previous_bid - previous_ask) / 2, 8) AS mid_change,
           previous_bid IS NOT NULL AND NOT after_hole AS counts
    FROM marked
)
SELECT date_bin(:'bucket', event_time, '2001-01-01 00:00+00') AS bucket,
       coalesce(sum(e) FILTER (WHERE counts), 0) AS ofi,
       count(*) FILTER (WHERE counts) AS updates,
       coalesce(sum(mid_change) FILTER (WHERE counts), 0) AS mid_change,
       NOT bool_or(after_hole OR before_hole) AS complete
FROM contributions
GROUP BY date_bin(:'bucket', event_time, '2001-01-01 00:00+00')
ORDER BY bucket;
