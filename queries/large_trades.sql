-- Large trades: which market orders were among the largest, and how far did each move through the book?
--
-- Parameters  market, symbol; start, end: trade times, end exclusive; quantile: an order is large from this quantile
--             of the window's orders on, 0 to 1; min_size: and not smaller than this, base asset
-- Columns     trade_time; first_id: id of its first fill; side: the aggressor's; quantity: base asset; notional,
--             first_price, worst_price, average_price: quote asset; sweep_bps: from the first to the worst price, basis
--             points of the first, three digits; fills: matches; complete: no hole touches the order
-- Orders      fills with consecutive ids, the same trade time and the same side are taken for one order: the venue
--             does not say; two orders of one side within its clock's tick come out as one
-- Holes       an order beside a hole may have been larger: complete is false
-- Reads       trades, where they have a row in the window, else agg_trades: natural key, the window's chunks
WITH tape AS (
    SELECT 'trade' AS stream, trade_id AS id, 1 AS fills, trade_time, price, quantity, buyer_is_maker
    FROM trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
    UNION ALL
    SELECT 'aggTrade', agg_trade_id, last_trade_id - first_trade_id + 1, trade_time, price, quantity, buyer_is_maker
    FROM agg_trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
      AND NOT EXISTS (
          SELECT FROM trades
          WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end')
),
linked AS (
    SELECT *, (id - 1, trade_time, buyer_is_maker)
              IS NOT DISTINCT FROM (lag(id) OVER taken, lag(trade_time) OVER taken, lag(buyer_is_maker) OVER taken)
              AS goes_on
    FROM tape
    WINDOW taken AS (ORDER BY id)
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE NOT goes_on) OVER (ORDER BY id) AS number FROM linked
),
orders AS (
    SELECT stream, number, min(trade_time) AS trade_time, min(id) AS first_id, max(id) AS last_id, buyer_is_maker,
           sum(quantity) AS quantity, sum(price * quantity) AS notional,
           CASE WHEN buyer_is_maker THEN max(price) ELSE min(price) END AS first_price,
           CASE WHEN buyer_is_maker THEN min(price) ELSE max(price) END AS worst_price,
           sum(fills)::bigint AS fills
    FROM numbered
    GROUP BY stream, number, buyer_is_maker
),
threshold AS (
    SELECT greatest(percentile_disc(:'quantile'::float8) WITHIN GROUP (ORDER BY quantity), :'min_size'::numeric)
           AS quantity
    FROM orders
)
SELECT trade_time, first_id, CASE WHEN buyer_is_maker THEN 'SELL' ELSE 'BUY' END AS side, quantity, notional,
       first_price, worst_price, round(notional / quantity, 8) AS average_price,
       round(abs(worst_price - first_price) / first_price * 10000, 3) AS sweep_bps, fills,
       NOT EXISTS (
           SELECT FROM gaps
           WHERE market = :'market' AND symbol = :'symbol' AND gaps.stream = orders.stream AND status <> 'healed'
             AND last_missing_id >= first_id - 1 AND first_missing_id <= last_id + 1) AS complete
FROM orders
WHERE quantity >= (SELECT quantity FROM threshold)
ORDER BY quantity DESC, first_id;
