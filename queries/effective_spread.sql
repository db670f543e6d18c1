-- Spreads that takers paid: effective, what of it the maker kept, and what the price took back
--
-- Parameters  market, symbol; start, end: trade times, end exclusive; bucket: length of a bucket;
--             horizon: how long after the trade the price is looked at again; lead: by how much best prices overtake,
--             on spot, the trades that caused them
-- Columns     bucket: its start; trade_count: trades, or aggregates; volume: base asset; effective_spread_bps:
--             2 s (p - m); realised_spread_bps: 2 s (p - m'); price_impact_bps: 2 s (m' - m), the difference of the
--             two; each the mean weighted by quantity, basis points of m, four digits; left_out: trades not in it
-- Definition  p: price of the trade; s: 1 where the aggressor bought, -1 where it sold; m, m': (bid + ask) / 2 before
--             the trade, and before the end of the horizon
-- Order       futures: transaction times strictly before trade times, both the matching engine's. Spot's best prices
--             carry no time: received by the lead before the first fill of the same trade time and side was
-- Holes       left out is a trade without best prices before it, with a hole of theirs until the end of the horizon,
--             with an end of the recording before that, or fetched later, whose receive_time says nothing
-- Reads       trades, where they have a row in the window, else agg_trades; book_tickers, where they have a row, else
--             book_tops: natural keys, the chunks of the window and of when it was heard, from a minute before to the
--             end of the horizon
WITH tape AS MATERIALIZED (  -- with those fetched later, to count them
    SELECT trade_id, trade_time, event_time, receive_time, price, quantity, buyer_is_maker
    FROM trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
    UNION ALL
    SELECT agg_trade_id, trade_time, event_time, receive_time, price, quantity, buyer_is_maker
    FROM agg_trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
      AND NOT EXISTS (
          SELECT FROM trades
          WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end')
),
heard AS MATERIALIZED (
    SELECT min(receive_time) - interval '1 minute' AS since,
           max(receive_time) + interval :'horizon' + interval '10 seconds' AS until
    FROM tape
    WHERE event_time IS NOT NULL
),
quotes AS (
    SELECT 'bookTicker' AS streams, update_id, receive_time, bid_price, ask_price,
           CASE WHEN :'market' = 'usdm' THEN transaction_time ELSE receive_time END AS moment
    FROM book_tickers
    WHERE market = :'market' AND symbol = :'symbol'
      AND receive_time >= (SELECT since FROM heard) AND receive_time <= (SELECT until FROM heard)
    UNION ALL
    SELECT 'depth%', last_update_id, receive_time, bid_prices[1], ask_prices[1],
           CASE WHEN :'market' = 'usdm' THEN event_time ELSE receive_time END
    FROM book_tops
    WHERE market = :'market' AND symbol = :'symbol'
      AND receive_time >= (SELECT since FROM heard) AND receive_time <= (SELECT until FROM heard)
      AND NOT EXISTS (
          SELECT FROM book_tickers
          WHERE market = :'market' AND symbol = :'symbol'
            AND receive_time >= (SELECT since FROM heard) AND receive_time <= (SELECT until FROM heard))
),
aligned AS (  -- fills of one time and side are taken for one order: what its first fill met is what it saw
    SELECT trade_id, date_bin(:'bucket', trade_time, '2001-01-01 00:00+00') AS bucket, receive_time, quantity, price,
           CASE WHEN buyer_is_maker THEN -1 ELSE 1 END AS sign, event_time IS NOT NULL AS timely,
           CASE WHEN :'market' = 'usdm' THEN trade_time
                ELSE min(receive_time) FILTER (WHERE event_time IS NOT NULL)
                     OVER (PARTITION BY trade_time, buyer_is_maker) - interval :'lead' END AS moment
    FROM tape
),
together AS (  -- of one moment trades come first: a quote of that moment may be what the trade left behind
    SELECT moment + later AS moment, 0 AS kind, trade_id AS id, later > interval '0' AS is_later,
           bucket, receive_time, quantity, price, sign, timely, NULL AS streams, NULL::numeric AS mid
    FROM aligned, unnest(ARRAY[interval '0', interval :'horizon']) AS later
    UNION ALL
    SELECT moment, 1, update_id, NULL, NULL, receive_time, NULL, NULL, NULL, NULL, streams, (bid_price + ask_price) / 2
    FROM quotes
    WHERE bid_price > 0 AND ask_price > 0
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE kind = 1) OVER (ORDER BY moment, kind, id ROWS UNBOUNDED PRECEDING) AS number
    FROM together
),
joined AS (  -- each number but 0 begins with its quote
    SELECT kind, id AS trade_id, is_later, bucket, receive_time, quantity, price, sign, timely,
           first_value(streams) OVER quote AS streams, first_value(mid) OVER quote AS mid,
           CASE WHEN number > 0 THEN first_value(receive_time) OVER quote END AS quote_receive_time,
           number < max(number) OVER () AS goes_on
    FROM numbered
    WINDOW quote AS (PARTITION BY number ORDER BY moment)
),
priced AS (
    SELECT trade_id, bucket, receive_time, quantity, price, sign, timely,
           max(mid) FILTER (WHERE NOT is_later) AS mid, max(mid) FILTER (WHERE is_later) AS later_mid,
           bool_and(goes_on) AS goes_on, min(streams) AS streams, min(quote_receive_time) AS quote_receive_time
    FROM joined
    WHERE kind = 0
    GROUP BY trade_id, bucket, receive_time, quantity, price, sign, timely
),
counted AS (
    SELECT bucket, price, mid, later_mid, 20000 * sign / mid AS factor,
           CASE WHEN timely AND goes_on AND mid IS NOT NULL AND NOT EXISTS (
               SELECT FROM gaps
               WHERE market = :'market' AND symbol = :'symbol' AND stream LIKE streams AND status <> 'healed'
                 AND (from_time < priced.receive_time + :'horizon') IS NOT FALSE
                 AND (to_time > quote_receive_time) IS NOT FALSE) THEN quantity END AS weight
    FROM priced
)
SELECT bucket, count(weight) AS trade_count, coalesce(sum(weight), 0) AS volume,
       round(sum(weight * factor * (price - mid)) / sum(weight), 4) AS effective_spread_bps,
       round(sum(weight * factor * (price - later_mid)) / sum(weight), 4) AS realised_spread_bps,
       round(sum(weight * factor * (later_mid - mid)) / sum(weight), 4) AS price_impact_bps,
       count(*) - count(weight) AS left_out
FROM counted
GROUP BY bucket
ORDER BY bucket;
