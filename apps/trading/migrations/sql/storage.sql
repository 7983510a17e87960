-- Positions, marks and instruments change in place: room in the page keeps the updates there (HOT),
-- and an eager vacuum keeps their chains short.
ALTER TABLE trading_position SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000
);
ALTER TABLE trading_positionmark SET (
    fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500
);
ALTER TABLE trading_instrument SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500
);
-- Insert-only: visit new pages soon, so that no single vacuum has to freeze a whole day.
ALTER TABLE trading_trade SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000
);
ALTER TABLE trading_positionchange SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000
);
ALTER TABLE trading_idempotencykey SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000
);
