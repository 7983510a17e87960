"""Conversations over HTTP: forms, views, addresses."""
