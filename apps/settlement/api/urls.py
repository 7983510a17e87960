"""Settlement's addresses."""

from django.urls import path

from apps.settlement.api import views

app_name = "settlement"
ONE = "settlements/<uuid:settlement>"
urlpatterns = [
    path("settlements", views.SettlementListView.as_view(), name="settlement-list"),
    path("settlements/board", views.BoardView.as_view(), name="board"),
    path("settlements/policy", views.PolicyView.as_view(), name="policy"),
    path("settlements/notices", views.NoticeListView.as_view(), name="notice-list"),
    path(
        "settlements/notices/<int:notice>/resolution",
        views.ResolutionView.as_view(),
        name="resolution",
    ),
    path(ONE, views.SettlementView.as_view(), name="settlement"),
    path(f"{ONE}/retry", views.RetryView.as_view(), name="retry"),
    path(
        f"{ONE}/manual-settlement", views.ManualSettlementView.as_view(), name="manual-settlement"
    ),
    path(f"{ONE}/compensation", views.CompensationView.as_view(), name="compensation"),
    path(f"{ONE}/assignment", views.AssignmentView.as_view(), name="assignment"),
    path(f"{ONE}/comments", views.CommentView.as_view(), name="comments"),
]
