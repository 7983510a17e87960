"""Owns settings, doors, queues and the processes.
Says nothing.
Hears nothing.
Never holds a business rule."""
