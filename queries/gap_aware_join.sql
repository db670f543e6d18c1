-- Trades with the best prices that stood before each of them: what did a taker see, and what did it pay?
--
-- Parameters  market, symbol; start, end: trade times, end exclusive; lead: by how much best prices overtake, on spot,
--             the trades that caused them
-- Columns     trade_id; trade_time; price, quantity; side: the aggressor's; bid_price, ask_price: the newest before
--             the trade, quote asset; quote_age: how long before; effective_spread_bps: 2 (price - mid) for a buyer,
--             2 (mid - price) for a seller, basis points of mid = (bid + ask) / 2, three digits
-- Order       futures: transaction times strictly before trade times, both the matching engine's. Spot's best prices
--             carry no time: received by the lead before the first fill of the same trade time and side was
-- Holes       a trade whose best prices could have changed unseen, because a hole of theirs lies between, is left out;
--             so is one fetched later, whose receive_time says nothing, and one before the first best prices
-- Reads       trades, where they have a row in the window, else agg_trades; book_tickers, where they have a row, else
--             book_tops: natural keys, the chunks of the window and of when it was heard, from a minute before
WITH tape AS MATERIALIZED (
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
    SELECT min(receive_time) - interval '1 minute' AS since, max(receive_time) + interval '10 seconds' AS until
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
    SELECT *, CASE WHEN :'market' = 'usdm' THEN trade_time
                   ELSE min(receive_time) OVER (PARTITION BY trade_time, buyer_is_maker) END AS met,
           CASE WHEN :'market' = 'usdm' THEN interval '0' ELSE interval :'lead' END AS lead
    FROM tape
    WHERE event_time IS NOT NULL
),
together AS (  -- of one moment trades come first: a quote of that moment may be what the trade left behind
    SELECT met - lead AS moment, 0 AS kind, trade_id AS id, met, trade_time, receive_time, price, quantity,
           buyer_is_maker, NULL AS streams, NULL::numeric AS bid_price, NULL::numeric AS ask_price
    FROM aligned
    UNION ALL
    SELECT moment, 1, update_id, NULL, NULL, receive_time, NULL, NULL, NULL, streams, bid_price, ask_price
    FROM quotes
    WHERE bid_price > 0 AND ask_price > 0
),
numbered AS (
    SELECT *, count(*) FILTER (WHERE kind = 1) OVER (ORDER BY moment, kind, id ROWS UNBOUNDED PRECEDING) AS number
    FROM together
),
joined AS (  -- each number begins with its quote
    SELECT kind, id AS trade_id, trade_time, receive_time, price, quantity, buyer_is_maker,
           first_value(streams) OVER quote AS streams,
           first_value(receive_time) OVER quote AS quote_receive_time,
           met - first_value(moment) OVER quote AS quote_age,
           first_value(bid_price) OVER quote AS bid_price, first_value(ask_price) OVER quote AS ask_price
    FROM numbered
    WHERE number > 0
    WINDOW quote AS (PARTITION BY number ORDER BY moment)
)
SELECT trade_id, trade_time, price, quantity, CASE WHEN buyer_is_maker THEN 'SELL' ELSE 'BUY' END AS side,
       bid_price, ask_price, quote_age,
       round(CASE WHEN buyer_is_maker THEN -1 ELSE 1 END * (2 * price - bid_price - ask_price)
             / ((bid_price + ask_price) / 2) * 10000, 3) AS effective_spread_bps
FROM joined
WHERE kind = 0 AND NOT EXISTS (
    SELECT FROM gaps
    WHERE market = :'market' AND symbol = :'symbol' AND stream LIKE streams AND status <> 'healed'
      AND (from_time < joined.receive_time) IS NOT FALSE AND (to_time > quote_receive_time) IS NOT FALSE)
ORDER BY trade_time, trade_id;
