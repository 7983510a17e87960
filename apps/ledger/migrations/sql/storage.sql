-- Balance rows change with every entry: room in the page keeps the updates in place (HOT), and an
-- eager vacuum keeps their chains short.
ALTER TABLE ledger_balance SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000
);
-- Insert-only: visit new pages soon, so that no single vacuum has to freeze a whole day.
ALTER TABLE ledger_journalentry SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000
);
