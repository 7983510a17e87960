-- Cursor rows change at every batch: room in the page keeps the updates in place (HOT), and an
-- eager vacuum keeps their chains short.
ALTER TABLE events_cursor SET (
    fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000
);
-- Insert-only: visit new pages soon, so that no single vacuum has to freeze a whole day.
ALTER TABLE events_event SET (
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000
);
