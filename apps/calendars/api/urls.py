"""The calendars' addresses. `name` is a code, a market or a currency; `24-7` is the one of every day."""

from django.urls import path

from apps.calendars.api import views

app_name = "calendars"
urlpatterns = [
    path("calendars", views.CalendarListView.as_view(), name="calendar-list"),
    path("calendars/<str:name>", views.CalendarView.as_view(), name="calendar"),
    path("settlement-dates", views.DatingView.as_view(), name="dating"),
    path("calendar-exceptions", views.ExceptionListView.as_view(), name="exception-list"),
    path(
        "calendar-exceptions/<uuid:exception>/withdrawal",
        views.WithdrawalView.as_view(),
        name="withdrawal",
    ),
    path("market-rules", views.RuleListView.as_view(), name="rule-list"),
]
