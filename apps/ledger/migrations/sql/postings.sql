-- Postings: the legs of entries. Range-partitioned by month of booked_at, so that an old month can be
-- detached and archived as one table.
--
-- amount is an unconstrained NUMERIC on purpose: NUMERIC(p, s) would silently round what it is given,
-- and the ledger refuses instead (R1, R2). NaN sorts above every number, so "< 1e20" refuses it too.
--
-- No foreign keys: one look-up per row, and a share lock on the tenant's row for every leg, would cost
-- more than the insert. The statement trigger (guards.sql) checks entry, account, asset and tenant of
-- all legs in one join each, and none of the rows that it finds can ever be deleted.
CREATE TABLE ledger_posting (
    entry_id          uuid        NOT NULL,
    leg               smallint    NOT NULL,
    ledger_account_id bigint      NOT NULL,
    asset             text        NOT NULL COLLATE "C",
    amount            numeric     NOT NULL,
    booked_at         timestamptz NOT NULL,
    tenant_id         integer     NOT NULL,
    CONSTRAINT posting_is_one_leg PRIMARY KEY (entry_id, leg, booked_at),
    -- An entry names a ledger account once per asset: running balances have one reading, and a
    -- transfer from an account to itself cannot be written down.
    CONSTRAINT posting_names_an_account_once_per_asset
        UNIQUE (ledger_account_id, asset, booked_at, entry_id),
    CONSTRAINT posting_leg_counts_from_one CHECK (leg >= 1),
    CONSTRAINT posting_amount_is_not_zero CHECK (amount <> 0),
    CONSTRAINT posting_amount_is_finite_and_below_1e20 CHECK (amount > -1e20 AND amount < 1e20),
    CONSTRAINT posting_time_is_finite CHECK (isfinite(booked_at))
) PARTITION BY RANGE (booked_at);

COMMENT ON TABLE ledger_posting IS
    'Legs of journal entries; + raises the holder''s claim. Append-only, balanced per entry and asset.';
COMMENT ON COLUMN ledger_posting.booked_at IS
    'When the ledger knew of it (UTC); always its entry''s.';
