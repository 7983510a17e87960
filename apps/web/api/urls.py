"""The board's addresses under /api/v1/."""

from django.urls import path

from apps.web.api import views

app_name = "board"
urlpatterns = [
    path("board", views.BoardView.as_view(), name="board"),
    path("board/ticket", views.TicketView.as_view(), name="ticket"),
]
