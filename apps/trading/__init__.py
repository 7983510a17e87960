"""Owns client accounts, instruments, trades, prices and the positions that follow from trades.
Says trade executed, rejected, cancelled, amended; position, instrument and price changed.
Hears its own trades, to keep positions in their order.
Never books a ledger entry and never settles: it tells what was traded, and others act."""
