"""Owns schedules of reports, and the files that were made of them.
Says ReportReady, ReportFailed.
Hears nothing: it asks trading, the ledger and settlement.
Never adds amounts of two currencies, and never writes what is another app's."""
