"""The ledger's addresses."""

from django.urls import path

from apps.ledger.api import views

app_name = "ledger"
urlpatterns = [
    path("ledger/balances", views.BalancesView.as_view(), name="balances"),
    path("ledger/entries", views.EntriesView.as_view(), name="entry-list"),
    path("ledger/entries/<uuid:entry_id>", views.EntryView.as_view(), name="entry"),
    path("ledger/trial-balance", views.TrialBalanceView.as_view(), name="trial-balance"),
    path("ledger/statement", views.StatementView.as_view(), name="statement"),
    path("ledger/transfers", views.TransfersView.as_view(), name="transfer-list"),
]
