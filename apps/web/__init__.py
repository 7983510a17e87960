"""Owns the pages for people: the board, signing in; health and metrics for machines.
Says nothing.
Hears nothing: it looks, through the other apps' selectors.
Never writes a row of business."""
