"""Trading's addresses. `name` is an id or a natural name; symbols may hold a slash."""

from django.urls import path

from apps.trading.api import account_system, views

app_name = "trading"
urlpatterns = [
    path(
        "account-system/<int:tenant>/notices",
        account_system.NoticesView.as_view(),
        name="account-system-notices",
    ),
    path("accounts", views.AccountListView.as_view(), name="account-list"),
    path("accounts/<str:name>", views.AccountView.as_view(), name="account-detail"),
    path("accounts/<str:name>/positions", views.PositionListView.as_view(), name="position-list"),
    path(
        "accounts/<str:name>/positions/<path:symbol>",
        views.PositionView.as_view(),
        name="position-detail",
    ),
    path("corporate-actions", views.ActionListView.as_view(), name="action-list"),
    path("corporate-actions/<uuid:action_id>", views.ActionView.as_view(), name="action-detail"),
    path(
        "corporate-actions/<uuid:action_id>/withdrawal",
        views.ActionWithdrawalView.as_view(),
        name="action-withdrawal",
    ),
    path(
        "corporate-actions/<uuid:action_id>/cash-in-lieu",
        views.ActionCashInLieuView.as_view(),
        name="action-cash-in-lieu",
    ),
    path(
        "corporate-actions/<uuid:action_id>/cash-in-lieu/confirmation",
        views.ActionCashInLieuConfirmationView.as_view(),
        name="action-cash-in-lieu-confirmation",
    ),
    path(
        "corporate-actions/<uuid:action_id>/cash-in-lieu/withdrawal",
        views.ActionCashInLieuWithdrawalView.as_view(),
        name="action-cash-in-lieu-withdrawal",
    ),
    path("counterparties", views.CounterpartyListView.as_view(), name="counterparty-list"),
    path("counterparties/<str:name>", views.CounterpartyView.as_view(), name="counterparty-detail"),
    path("instruments", views.InstrumentListView.as_view(), name="instrument-list"),
    path("instruments/<path:name>", views.InstrumentView.as_view(), name="instrument-detail"),
    path("prices", views.PriceListView.as_view(), name="price-list"),
    path("trades", views.TradeListView.as_view(), name="trade-list"),
    path("trades/bulk", views.BulkView.as_view(), name="trade-bulk"),
    path("trades/<str:name>", views.TradeView.as_view(), name="trade-detail"),
    path(
        "trades/<str:name>/cancellation",
        views.CancellationView.as_view(),
        name="trade-cancellation",
    ),
    path("trades/<str:name>/amendment", views.AmendmentView.as_view(), name="trade-amendment"),
]
