"""Owns ledger accounts, journal entries, postings and balances: double entry per asset, append-only.
Says EntriesPosted, CashTransferred.
Hears AccountOpened, TradeExecuted, TradeCancelled, TradeAmended.
Never changes what was booked, and sees nothing of trading but its events."""
