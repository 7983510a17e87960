"""The engine behind `interpret`: an answer within two seconds, whatever the providers do.

It runs on an event loop of its own, one a process, and knows no database.
"""
