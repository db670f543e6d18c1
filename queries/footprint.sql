-- Footprint: what was bought and sold at which price, bar by bar?
--
-- Parameters  market, symbol; start, end: trade times, end exclusive; bucket: length of a bar;
--             price_bin: height of a price bin, quote asset
-- Columns     bucket: the bar's start; price: lower edge of the bin, quote asset; buy_volume, sell_volume: what
--             aggressors bought and sold in the bin, base asset; delta = buy_volume - sell_volume;
--             trade_count: matches; complete: no hole touches the bar
-- Holes       a bar that a hole touches is there, with what was recorded, and complete is false on all its rows
-- Reads       trades, where they have a row in the window, else agg_trades: natural key, the window's chunks
WITH tape AS (
    SELECT 'trade' AS stream, trade_id AS id, 1 AS trade_count, trade_time, price, quantity, buyer_is_maker
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
binned AS (
    SELECT *, date_bin(:'bucket', trade_time, '2001-01-01 00:00+00') AS bucket,
           price - mod(price, :'price_bin'::numeric) AS bin
    FROM tape
),
bars AS (
    SELECT stream, bucket, min(id) AS first_id, max(id) AS last_id FROM binned GROUP BY stream, bucket
),
marked AS (
    SELECT bucket, NOT EXISTS (
        SELECT FROM gaps
        WHERE market = :'market' AND symbol = :'symbol' AND gaps.stream = bars.stream AND status <> 'healed'
          AND last_missing_id >= first_id - 1 AND first_missing_id <= last_id + 1) AS complete
    FROM bars
)
SELECT bucket, bin AS price,
       coalesce(sum(quantity) FILTER (WHERE NOT buyer_is_maker), 0) AS buy_volume,
       coalesce(sum(quantity) FILTER (WHERE buyer_is_maker), 0) AS sell_volume,
       sum(CASE WHEN buyer_is_maker THEN -quantity ELSE quantity END) AS delta,
       sum(trade_count)::bigint AS trade_count, complete
FROM binned JOIN marked USING (bucket)
GROUP BY bucket, bin, complete
ORDER BY bucket, bin DESC;
