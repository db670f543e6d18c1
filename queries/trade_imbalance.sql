-- Trade imbalance: which side was more active, between -1 (sellers alone) and 1 (buyers alone)?
--
-- Parameters  market, symbol; start, end: trade times, end exclusive; bucket: length of a bucket
-- Columns     bucket: its start; buy_count, sell_count: matches by aggressor; count_imbalance and volume_imbalance
--             = (buy - sell) / (buy + sell) of matches and of base asset, six digits; complete: no hole touches it
-- Holes       a bucket that a hole touches is there, with what was recorded, and complete is false
-- Reads       trades, where they have a row in the window, else agg_trades: natural key, the window's chunks
WITH tape AS (
    SELECT 'trade' AS stream, trade_id AS id, 1 AS trade_count, trade_time, quantity, buyer_is_maker
    FROM trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
    UNION ALL
    SELECT 'aggTrade', agg_trade_id, last_trade_id - first_trade_id + 1, trade_time, quantity, buyer_is_maker
    FROM agg_trades
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
      AND NOT EXISTS (
          SELECT FROM trades
          WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end')
),
bars AS (
    SELECT stream, date_bin(:'bucket', trade_time, '2001-01-01 00:00+00') AS bucket,
           min(id) AS first_id, max(id) AS last_id,
           coalesce(sum(trade_count) FILTER (WHERE NOT buyer_is_maker), 0)::bigint AS buy_count,
           coalesce(sum(trade_count) FILTER (WHERE buyer_is_maker), 0)::bigint AS sell_count,
           sum(CASE WHEN buyer_is_maker THEN -quantity ELSE quantity END) AS delta,
           sum(quantity) AS volume
    FROM tape
    GROUP BY stream, date_bin(:'bucket', trade_time, '2001-01-01 00:00+00')
)
SELECT bucket, buy_count, sell_count,
       round((buy_count - sell_count)::numeric / (buy_count + sell_count), 6) AS count_imbalance,
       round(delta / volume, 6) AS volume_imbalance,
       NOT EXISTS (
           SELECT FROM gaps
           WHERE market = :'market' AND symbol = :'symbol' AND gaps.stream = bars.stream AND status <> 'healed'
             AND last_missing_id >= first_id - 1 AND first_missing_id <= last_id + 1) AS complete
FROM bars
ORDER BY bucket;
