-- Liquidations against the price: where was it before each forced order, and where did it go?
--
-- Parameters  market, symbol; start, end: fills of the orders, end exclusive; horizon: how long after, e.g. 1 minute
-- Columns     trade_time: the fill; side: the forced order's, SELL closes a long; quantity: filled, base asset;
--             average_price: of the fill, quote asset; price_before, price_after: of the last trade before trade_time,
--             and before trade_time + horizon; slippage_bps: what the order lost against price_before; move_bps:
--             price_after against price_before, up is positive; both basis points of price_before, three digits;
--             complete: no hole lies between the two trades or right after them, and the recording goes on
-- Sample      the venue publishes at most one liquidation per symbol and second, futures alone: not the whole
-- Holes       see complete; price_before is null, and complete false, without a trade in the hour before
-- Reads       liquidations: natural key, the window's chunks; two rows for each from trades, where they have a row in
--             the window, else from agg_trades: natural key, the chunks from an hour before the window
WITH forced AS MATERIALIZED (
    SELECT trade_time, side, filled_quantity AS quantity, average_price
    FROM liquidations
    WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
      -- sent a moment after the fill, by the same clock; the natural key has this time
      AND event_time >= timestamptz :'start' - interval '1 minute'
      AND event_time < timestamptz :'end' + interval '10 minutes'
),
source AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM trades
        WHERE market = :'market' AND symbol = :'symbol' AND trade_time >= :'start' AND trade_time < :'end'
    ) AS use_trades
),
priced AS (
    SELECT forced.*, before.price AS price_before, after.price AS price_after,
           before.id AS before_id, after.id AS after_id
    FROM forced
    LEFT JOIN LATERAL (
        (SELECT trade_id AS id, price FROM trades
         WHERE market = :'market' AND symbol = :'symbol' AND (SELECT use_trades FROM source)
           AND trade_time >= timestamptz :'start' - interval '1 hour'
           AND trade_time < timestamptz :'end' + interval :'horizon'
           AND trade_time >= forced.trade_time - interval '1 hour' AND trade_time < forced.trade_time
         ORDER BY trade_time DESC, trade_id DESC LIMIT 1)
        UNION ALL
        (SELECT agg_trade_id AS id, price FROM agg_trades
         WHERE market = :'market' AND symbol = :'symbol' AND NOT (SELECT use_trades FROM source)
           AND trade_time >= timestamptz :'start' - interval '1 hour'
           AND trade_time < timestamptz :'end' + interval :'horizon'
           AND trade_time >= forced.trade_time - interval '1 hour' AND trade_time < forced.trade_time
         ORDER BY trade_time DESC, agg_trade_id DESC LIMIT 1)
    ) AS before ON true
    LEFT JOIN LATERAL (
        (SELECT trade_id AS id, price FROM trades
         WHERE market = :'market' AND symbol = :'symbol' AND (SELECT use_trades FROM source)
           AND trade_time >= timestamptz :'start' - interval '1 hour'
           AND trade_time < timestamptz :'end' + interval :'horizon'
           AND trade_time >= forced.trade_time - interval '1 hour' AND trade_time < forced.trade_time + :'horizon'
         ORDER BY trade_time DESC, trade_id DESC LIMIT 1)
        UNION ALL
        (SELECT agg_trade_id AS id, price FROM agg_trades
         WHERE market = :'market' AND symbol = :'symbol' AND NOT (SELECT use_trades FROM source)
           AND trade_time >= timestamptz :'start' - interval '1 hour'
           AND trade_time < timestamptz :'end' + interval :'horizon'
           AND trade_time >= forced.trade_time - interval '1 hour' AND trade_time < forced.trade_time + :'horizon'
         ORDER BY trade_time DESC, agg_trade_id DESC LIMIT 1)
    ) AS after ON true
)
SELECT trade_time, side, quantity, average_price, price_before, price_after,
       round(CASE side WHEN 'SELL' THEN price_before - average_price ELSE average_price - price_before END
             / price_before * 10000, 3) AS slippage_bps,
       round((price_after - price_before) / price_before * 10000, 3) AS move_bps,
       before_id IS NOT NULL
       AND EXISTS (
           SELECT FROM coverage, source
           WHERE market = :'market' AND symbol = :'symbol'
             AND stream = CASE WHEN use_trades THEN 'trade' ELSE 'aggTrade' END AND last_id > after_id)
       AND NOT EXISTS (
           SELECT FROM gaps, source
           WHERE market = :'market' AND symbol = :'symbol' AND status <> 'healed'
             AND stream = CASE WHEN use_trades THEN 'trade' ELSE 'aggTrade' END
             AND last_missing_id > before_id AND first_missing_id <= after_id + 1) AS complete
FROM priced
ORDER BY trade_time, side;
