-- Cumulative volume delta: by how much did buyers' market orders outweigh sellers' since the start?
--
-- Parameters  market, symbol; start, end: trade times, end exclusive; bucket: length of a bucket, e.g. 1 minute
-- Columns     bucket: its start; buy_volume, sell_volume: what aggressors bought and sold, base asset;
--             delta = buy_volume - sell_volume; cvd: running sum of delta;
--             complete: no hole touches the bucket; cvd_complete: nor any bucket before it
-- Holes       a bucket that a hole touches is there, with what was recorded, and complete is false
-- Reads       trades, where they have a row in the window, else agg_trades: natural key, the window's chunks
WITH tape AS (
    SELECT 'trade' AS stream, trade_id AS id, trade_time, quantity, buyer_is_maker
    FROM trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
    UNION ALL
    SELECT 'aggTrade', agg_trade_id, trade_time, quantity, buyer_is_maker
    FROM agg_trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
      AND NOT EXISTS (
          SELECT FROM trades
          WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end')
),
bars AS (
    SELECT stream, date_bin(:'bucket', trade_time, '2001-01-01 00:00+00') AS bucket,
           min(id) AS first_id, max(id) AS last_id,
           coalesce(sum(quantity) FILTER (WHERE NOT buyer_is_maker), 0) AS buy_volume,
           coalesce(sum(quantity) FILTER (WHERE buyer_is_maker), 0) AS sell_volume
    FROM tape
    GROUP BY stream, date_bin(:'bucket', trade_time, '2001-01-01 00:00+00')
),
marked AS (
    SELECT bars.*, NOT EXISTS (
        SELECT FROM gaps
        WHERE market = :'market' AND symbol = :'symbol' AND gaps.stream = bars.stream AND status <> 'healed'
          AND last_missing_id >= first_id - 1 AND first_missing_id <= last_id + 1) AS complete
    FROM bars
)
SELECT bucket, buy_volume, sell_volume, buy_volume - sell_volume AS delta,
       sum(buy_volume - sell_volume) OVER (ORDER BY bucket) AS cvd,
       complete, bool_and(complete) OVER (ORDER BY bucket) AS cvd_complete
FROM marked
ORDER BY bucket;
