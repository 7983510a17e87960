"""The sockets of conversations: `/ws/chat/` for customers, `/ws/desk/` for those who answer them."""

from apps.conversations.consumers.chat import ChatConsumer
from apps.conversations.consumers.desk import DeskConsumer

__all__ = ["ChatConsumer", "DeskConsumer"]
