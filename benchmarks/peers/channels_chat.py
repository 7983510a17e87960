"""The peer of P6: a chat as the Channels tutorial makes it, with a row for each message."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.channels_settings"
django.setup()

from channels.db import database_sync_to_async  # noqa: E402 - after Django is set up
from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402 - as above
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - as above
from django.db import models  # noqa: E402 - as above
from django.urls import path  # noqa: E402 - as above


class Message(models.Model):
    """What was said."""

    room = models.TextField()
    body = models.TextField()

    class Meta:
        app_label = "peers"
        db_table = "bench_message"
        managed = False

    def __str__(self) -> str:
        return self.room


class Chat(AsyncJsonWebsocketConsumer):
    """A screen in a room."""

    async def connect(self):
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)

    async def receive_json(self, content):
        row = await self.keep(content["body"])
        await self.channel_layer.group_send(
            self.room, {"type": "chat.message", "seq": row.pk, "client_id": content["client_id"]}
        )

    async def chat_message(self, event):
        await self.send_json(event | {"type": "message"})

    @database_sync_to_async
    def keep(self, body):
        return Message.objects.create(room=self.room, body=body)


application = ProtocolTypeRouter({"websocket": URLRouter([path("room/<room>", Chat.as_asgi())])})
