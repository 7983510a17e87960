"""Owns ledger accounts, journal entries, postings and balances: double entry per asset, append-only.
Says EntriesPosted, CashTransferred, AdjustmentProposed, AdjustmentDecided, BreakOpened, ….
Hears AccountOpened, AccountChanged, TradeExecuted, TradeCancelled, TradeAmended, SplitApplied, DividendApplied, ….
Never changes what was booked, and sees nothing of trading but its events."""
