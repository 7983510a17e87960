"""The product's pages, and the least that an authenticated read and an insert can be."""

from typing import ClassVar

from django.db import models
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.tenants.permissions import TraderWrites
from config.urls import urlpatterns as product


class Note(models.Model):
    """A row of one column; who measures makes its table."""

    text = models.TextField()

    class Meta:
        app_label = "benchmarks"
        db_table = "bench_note"
        managed = False

    def __str__(self) -> str:
        return self.text


class NoteForm(serializers.ModelSerializer[Note]):
    """As the guides of Django REST framework have it."""

    class Meta:
        model = Note
        fields: ClassVar[list[str]] = ["id", "text"]


class Trivial(APIView):
    """Authentication, permissions, parsing and rendering as everywhere, and next to nothing else."""

    permission_classes = (TraderWrites,)

    def get(self, request: Request) -> Response:
        return Response({"ok": True})

    def post(self, request: Request) -> Response:
        form = NoteForm(data=request.data)
        form.is_valid(raise_exception=True)
        form.save()
        return Response(form.data, status=201)


urlpatterns = [path("bench/trivial", Trivial.as_view()), *product]
