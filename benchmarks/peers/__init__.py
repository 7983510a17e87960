"""The same work under other job queues and another ledger."""
