"""The facade's addresses."""

from django.urls import path

from apps.nlu.api import views

app_name = "nlu"
urlpatterns = [
    path("nlu/interpretations", views.InterpretationsView.as_view(), name="interpretations"),
    path("nlu/usage", views.UsageView.as_view(), name="usage"),
    path("nlu/figures", views.FiguresView.as_view(), name="figures"),
]
