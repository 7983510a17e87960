"""The ledger's addresses."""

from django.urls import path

from apps.ledger.api import adjustments, reconciliations, views

app_name = "ledger"
urlpatterns = [
    path("ledger/balances", views.BalancesView.as_view(), name="balances"),
    path("ledger/entries", views.EntriesView.as_view(), name="entry-list"),
    path("ledger/entries/<uuid:entry_id>", views.EntryView.as_view(), name="entry"),
    path("ledger/trial-balance", views.TrialBalanceView.as_view(), name="trial-balance"),
    path("ledger/statement", views.StatementView.as_view(), name="statement"),
    path("ledger/transfers", views.TransfersView.as_view(), name="transfer-list"),
    path("ledger/adjustments", adjustments.AdjustmentListView.as_view(), name="adjustment-list"),
    path(
        "ledger/adjustments/<uuid:adjustment_id>",
        adjustments.AdjustmentView.as_view(),
        name="adjustment-detail",
    ),
    path(
        "ledger/adjustments/<uuid:adjustment_id>/approval",
        adjustments.ApprovalView.as_view(),
        name="adjustment-approval",
    ),
    path(
        "ledger/adjustments/<uuid:adjustment_id>/rejection",
        adjustments.RejectionView.as_view(),
        name="adjustment-rejection",
    ),
    path(
        "ledger/adjustments/<uuid:adjustment_id>/withdrawal",
        adjustments.WithdrawalView.as_view(),
        name="adjustment-withdrawal",
    ),
    path("reconciliations", reconciliations.RunListView.as_view(), name="run-list"),
    path("reconciliations/breaks", reconciliations.BreakListView.as_view(), name="break-list"),
    path(
        "reconciliations/breaks/<uuid:break_id>",
        reconciliations.BreakView.as_view(),
        name="break-detail",
    ),
    path(
        "reconciliations/statements",
        reconciliations.StatementReceivedView.as_view(),
        name="statement-received",
    ),
    path("reconciliations/<uuid:run_id>", reconciliations.RunView.as_view(), name="run-detail"),
]
