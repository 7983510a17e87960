"""The product's web with one page more: the least that an authenticated read can be."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config import urls
from config.settings import *  # noqa: F403 - that is what this file is for

ROOT_URLCONF = __name__


class Trivial(APIView):
    """Who is there, and nothing else: authentication, permissions and rendering as everywhere."""

    def get(self, request: Request) -> Response:
        return Response({"ok": True})


urlpatterns = [path("bench/trivial", Trivial.as_view()), *urls.urlpatterns]
