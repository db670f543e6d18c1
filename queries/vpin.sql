-- VPIN: how one-sided was the flow, measured over equal volumes instead of equal times?
--
-- Parameters  market, symbol; start, end: trade times, end exclusive; bucket_volume: volume of a bucket, base asset;
--             buckets: how many buckets a value looks back over
-- Columns     bucket: number of the volume bucket, from 0; first_trade, last_trade: times of its first and last
--             match; buy_volume, sell_volume: base asset, together bucket_volume; vpin: mean of
--             |buy_volume - sell_volume| over the last so many buckets / bucket_volume, six digits, 0 to 1, null
--             in the first ones; complete: no hole touches the bucket; vpin_complete: nor any that vpin looks at
-- Holes       lost volume fills no bucket: those that touch a hole, or lie on both its sides, have complete false
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
running AS (
    SELECT *, sum(quantity) OVER (ORDER BY id) AS volume FROM tape  -- up to and with this trade
),
parts AS (  -- a trade that is larger than what its bucket still takes goes on in the next
    SELECT stream, id, trade_time, buyer_is_maker, bucket,
           least(volume, (bucket + 1) * :'bucket_volume'::numeric)
           - greatest(volume - quantity, bucket * :'bucket_volume'::numeric) AS quantity
    FROM running, generate_series(
        div(volume - quantity, :'bucket_volume'::numeric), div(volume, :'bucket_volume'::numeric)) AS bucket
),
filled AS (
    SELECT stream, bucket, min(id) AS first_id, max(id) AS last_id,
           min(trade_time) AS first_trade, max(trade_time) AS last_trade,
           coalesce(sum(quantity) FILTER (WHERE NOT buyer_is_maker), 0) AS buy_volume,
           coalesce(sum(quantity) FILTER (WHERE buyer_is_maker), 0) AS sell_volume
    FROM parts
    WHERE quantity > 0
    GROUP BY stream, bucket
    HAVING sum(quantity) = :'bucket_volume'::numeric  -- the last bucket is seldom full
),
marked AS (
    SELECT filled.*, NOT EXISTS (
        SELECT FROM gaps
        WHERE market = :'market' AND symbol = :'symbol' AND gaps.stream = filled.stream AND status <> 'healed'
          AND last_missing_id >= first_id - 1 AND first_missing_id <= last_id + 1) AS complete
    FROM filled
)
SELECT bucket::bigint, first_trade, last_trade, buy_volume, sell_volume,
       CASE WHEN count(*) OVER recent = :'buckets'::int THEN
           round(sum(abs(buy_volume - sell_volume)) OVER recent / (:'buckets'::int * :'bucket_volume'::numeric), 6)
       END AS vpin,
       complete, bool_and(complete) OVER recent AS vpin_complete
FROM marked
WINDOW recent AS (ORDER BY bucket ROWS BETWEEN :'buckets'::int - 1 PRECEDING AND CURRENT ROW)
ORDER BY bucket;
