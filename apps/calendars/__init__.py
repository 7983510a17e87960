"""Owns calendars: trading days and settlement days apart, cycles, cut-offs, a tenant's own exceptions.
Says a calendar changed: a day closed or opened out of turn, a cycle or cut-off set.
Hears nothing: trading and settlement ask it, so that both give one answer.
Never guesses: before a calendar's first year and beyond its last it refuses."""
