"""Owns customers, conversations, participants, messages, receipts, sessions, widgets; the order of messages.
Says ConversationOpened, ConversationStateChanged, MessageSent, ReceiptAdvanced and what else events.py lists.
Hears ConversationOpened, MessageSent, AgentOffered, AgentMatched, WorkReturned, WrapUpStarted, WorkFinished.
Never puts what people wrote, or who they are, into the log: events carry ids, numbers and kinds."""
