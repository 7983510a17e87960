-- The history of positions keeps the fill itself, so that a position can be folded again from its
-- own rows when a trade of the past is cancelled or amended. What was folded before this came is
-- filled in from its trades; the guard stands aside for that one statement.
ALTER TABLE trading_positionchange
    ADD COLUMN kind varchar(9), ADD COLUMN place bigint, ADD COLUMN fill_quantity numeric,
    ADD COLUMN fill_price numeric, ADD COLUMN fill_notional numeric, ADD COLUMN fill_fees numeric;
ALTER TABLE trading_positionchange DISABLE TRIGGER position_changes_are_append_only;
UPDATE trading_positionchange AS c
SET kind = 'executed', place = c."offset", fill_price = t.price, fill_notional = t.notional,
    fill_quantity = CASE t.side WHEN 'buy' THEN t.quantity ELSE -t.quantity END,
    fill_fees = (SELECT coalesce(sum((f ->> 'amount')::numeric), 0)
                 FROM jsonb_array_elements(t.fees) AS f)
FROM trading_trade AS t WHERE t.id = c.trade_id;
ALTER TABLE trading_positionchange ENABLE TRIGGER position_changes_are_append_only;
ALTER TABLE trading_positionchange
    ALTER COLUMN kind SET NOT NULL, ALTER COLUMN place SET NOT NULL,
    ALTER COLUMN fill_quantity SET NOT NULL, ALTER COLUMN fill_price SET NOT NULL,
    ALTER COLUMN fill_notional SET NOT NULL, ALTER COLUMN fill_fees SET NOT NULL;
