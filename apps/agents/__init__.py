"""Owns agents, their skills, statuses and hours; work that waits for one, offers, and who has what.
Says work queued, offered, matched, returned, released, abandoned; agent created and changed.
Hears its own facts: each of them may let somebody who waits be served.
Never knows what the work is: a conversation is an id, a channel, skills and a time to it."""
