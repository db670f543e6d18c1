-- Realised volatility: how much did the price move, window by window?
--
-- Parameters  market, symbol; start, end: trade times, end exclusive, whole seconds; bucket: length of a window
-- Columns     bucket: the window's start; returns: how many; volatility: sqrt(sum of squared log returns of the closes
--             of candles_1s), a fraction per window; annualised = volatility * sqrt(365 days / bucket), a fraction per
--             year; complete: no hole touches a candle of the window or the one that its first return starts from
-- Returns     from each candle's close to the next candle's; a second without a trade has none and adds nothing. The
--             first candle of all only starts the first return
-- Holes       a return across a hole is there: its size is true, what happened on the way is lost, complete is false
-- Reads       the view candles_1s; where it is wanted over days, read candles_1m instead, it has the same columns
WITH closes AS (
    SELECT bucket AS second, close::float8 AS close, complete,
           lag(close::float8) OVER (ORDER BY bucket) AS previous_close, lag(complete) OVER (ORDER BY bucket) AS previous
    FROM candles_1s
    WHERE market = :'market' AND symbol = :'symbol' AND bucket >= :'start' AND bucket < :'end'
)
SELECT date_bin(:'bucket', second, '2001-01-01 00:00+00') AS bucket, count(*) AS returns,
       sqrt(sum(ln(close / previous_close) ^ 2)) AS volatility,
       sqrt(sum(ln(close / previous_close) ^ 2)
            * extract(epoch FROM interval '365 days')::float8 / extract(epoch FROM interval :'bucket')::float8)
       AS annualised,
       bool_and(complete AND previous) AS complete
FROM closes
WHERE previous_close IS NOT NULL
GROUP BY 1
ORDER BY 1;
