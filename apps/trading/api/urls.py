"""Trading's addresses. `name` is an id or a natural name; symbols may hold a slash."""

from django.urls import path

from apps.trading.api import views

app_name = "trading"
urlpatterns = [
    path("accounts", views.AccountListView.as_view(), name="account-list"),
    path("accounts/<str:name>", views.AccountView.as_view(), name="account-detail"),
    path("accounts/<str:name>/positions", views.PositionListView.as_view(), name="position-list"),
    path(
        "accounts/<str:name>/positions/<path:symbol>",
        views.PositionView.as_view(),
        name="position-detail",
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
