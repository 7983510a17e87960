-- The back office's pages need a key of one column; these views give every row an address.
-- The columns by which rows are found stay as they are, so the tables' own indexes serve them.
CREATE VIEW events_eventrecord AS
SELECT topic || '/' || partition || '/' || "offset" AS address, topic, partition, "offset", id,
       tenant_id, key, name, version, data, headers, occurred_at, recorded_at
FROM events_event;

CREATE VIEW events_cursorrecord AS
SELECT c.handler || '/' || c.topic || '/' || c.partition AS address, c.handler, c.topic,
       c.partition, coalesce(p.queue_shard, 0) AS queue_shard, c."offset",
       greatest(coalesce(head."offset", 0), c."offset") AS head,
       greatest(coalesce(head."offset", 0) - c."offset", 0) AS behind,
       c.state, c.error, c.failures, c.attempts, c.retry_at, c.updated_at, c.events_total,
       c.rescues_total
FROM events_cursor c
LEFT JOIN events_partition p ON p.topic = c.topic AND p.number = c.partition
LEFT JOIN LATERAL (
    SELECT e."offset" FROM events_event e WHERE e.topic = c.topic AND e.partition = c.partition
    ORDER BY e."offset" DESC LIMIT 1
) head ON true;

CREATE VIEW events_jobrecord AS
SELECT job || '@' || extract(epoch FROM period)::bigint AS address, job, period, claimed_at,
       finished_at, error
FROM events_jobrun;
