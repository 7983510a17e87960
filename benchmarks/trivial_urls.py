"""The product's pages, and the least that an authenticated read can be."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.urls import urlpatterns as product


class Trivial(APIView):
    """Who is there, and nothing else: authentication, permissions and rendering as everywhere."""

    def get(self, request: Request) -> Response:
        return Response({"ok": True})


urlpatterns = [path("bench/trivial", Trivial.as_view()), *product]
