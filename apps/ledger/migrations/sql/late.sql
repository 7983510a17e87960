-- Entries whose two times lie apart: booked well after they were effective, or before. A balance as
-- of a time of business is the balance as booked then, and what these make of it.
CREATE INDEX entries_booked_late ON ledger_journalentry (owner, booked_at)
    WHERE booked_at - effective_at > interval '1 minute';
CREATE INDEX entries_booked_early ON ledger_journalentry (owner, effective_at)
    WHERE effective_at > booked_at;
