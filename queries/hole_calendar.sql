-- Calendar of holes: which buckets of a stream are whole, and which must be left out?
--
-- Parameters  market, symbol; start, end: venue's clock, whole buckets; bucket: length of a bucket;
--             stream: trade, aggTrade, or a depth stream such as depth@100ms
-- Columns     bucket: its start; rows: rows in it; recorded: it lies between the first row and the last;
--             has_hole: something of it may be missing; whole: recorded and without a hole
-- Holes       the ledger counts ids: a hole lies between the last row before its ids and the first row after them, and
--             every bucket from the one to the other has it. Trade ids that the venue spent without a trade are none
-- Reads       the stream's table alone (trades, agg_trades, depth_diffs): natural key, the chunks of the window and
--             of its neighbours
WITH window_rows AS (  -- and the neighbours on either side: a hole may lie between them and the window
    (SELECT trade_time AS time, trade_id AS first_id, trade_id AS last_id
     FROM trades
     WHERE market = :'market' AND symbol = :'symbol' AND :'stream' = 'trade' AND trade_time < :'start'
     ORDER BY trade_time DESC, trade_id DESC LIMIT 1)
    UNION ALL
    SELECT trade_time, trade_id, trade_id
    FROM trades
    WHERE market = :'market' AND symbol = :'symbol' AND :'stream' = 'trade'
      AND trade_time >= :'start' AND trade_time < :'end'
    UNION ALL
    (SELECT trade_time, trade_id, trade_id
     FROM trades
     WHERE market = :'market' AND symbol = :'symbol' AND :'stream' = 'trade' AND trade_time >= :'end'
     ORDER BY trade_time, trade_id LIMIT 1)
    UNION ALL
    (SELECT trade_time, agg_trade_id, agg_trade_id
     FROM agg_trades
     WHERE market = :'market' AND symbol = :'symbol' AND :'stream' = 'aggTrade' AND trade_time < :'start'
     ORDER BY trade_time DESC, agg_trade_id DESC LIMIT 1)
    UNION ALL
    SELECT trade_time, agg_trade_id, agg_trade_id
    FROM agg_trades
    WHERE market = :'market' AND symbol = :'symbol' AND :'stream' = 'aggTrade'
      AND trade_time >= :'start' AND trade_time < :'end'
    UNION ALL
    (SELECT trade_time, agg_trade_id, agg_trade_id
     FROM agg_trades
     WHERE market = :'market' AND symbol = :'symbol' AND :'stream' = 'aggTrade' AND trade_time >= :'end'
     ORDER BY trade_time, agg_trade_id LIMIT 1)
    UNION ALL
    (SELECT event_time, coalesce(previous_final_update_id + 1, first_update_id), final_update_id
     FROM depth_diffs
     WHERE market = :'market' AND symbol = :'symbol' AND :'stream' ~ '^depth(@|$)' AND event_time < :'start'
     ORDER BY event_time DESC, final_update_id DESC LIMIT 1)
    UNION ALL
    SELECT event_time, coalesce(previous_final_update_id + 1, first_update_id), final_update_id
    FROM depth_diffs
    WHERE market = :'market' AND symbol = :'symbol' AND :'stream' ~ '^depth(@|$)'
      AND event_time >= :'start' AND event_time < :'end'
    UNION ALL
    (SELECT event_time, coalesce(previous_final_update_id + 1, first_update_id), final_update_id
     FROM depth_diffs
     WHERE market = :'market' AND symbol = :'symbol' AND :'stream' ~ '^depth(@|$)' AND event_time >= :'end'
     ORDER BY event_time, final_update_id LIMIT 1)
),
chained AS (
    SELECT time, first_id,
           lag(time) OVER (ORDER BY last_id) AS previous_time,
           max(last_id) OVER (ORDER BY last_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS previous_id
    FROM window_rows
),
holes AS MATERIALIZED (
    SELECT least(previous_time, time) AS time_before, greatest(previous_time, time) AS time_after
    FROM chained
    WHERE first_id > previous_id + 1 AND EXISTS (
        SELECT FROM gaps
        WHERE market = :'market' AND symbol = :'symbol' AND status <> 'healed'
          AND (stream = :'stream' OR (:'stream' ~ '^depth(@|$)' AND stream ~ '^depth(@|$)'))
          AND last_missing_id > previous_id AND first_missing_id < first_id)
),
counted AS (
    SELECT date_bin(:'bucket', time, '2001-01-01 00:00+00') AS bucket, count(*) AS rows
    FROM window_rows
    WHERE time >= :'start' AND time < :'end'
    GROUP BY 1
),
calendar AS (
    SELECT bucket, bucket + :'bucket' AS bucket_end
    FROM generate_series(
        date_bin(:'bucket', :'start', '2001-01-01 00:00+00'), timestamptz :'end' - interval '1 microsecond', :'bucket'
    ) AS bucket
),
marked AS (
    SELECT bucket, coalesce(rows, 0) AS rows,
           coalesce(bucket >= (SELECT min(time) FROM window_rows)
                    AND bucket_end <= (SELECT max(time) FROM window_rows), false) AS recorded,
           EXISTS (SELECT FROM holes WHERE time_before < bucket_end AND time_after >= bucket) AS has_hole
    FROM calendar LEFT JOIN counted USING (bucket)
)
SELECT bucket, rows, recorded, has_hole, recorded AND NOT has_hole AS whole
FROM marked
ORDER BY bucket;
