"""The routes of the ledger."""

from django.urls import path

from ledger.api import (
    actions,
    journal,
    margins,
    positions,
    profit,
    profit_gains,
    profit_restatements,
    profit_review,
    reconciliations,
    statements,
)

_RECONCILIATION = "reconciliations/<str:code>"

urlpatterns = [
    path("statements", statements.Statements.as_view(), name="api-statements"),
    path("statements/<str:reference>", statements.Statement.as_view(), name="api-statement"),
    path("reconciliations", reconciliations.Reconciliations.as_view(), name="api-reconciliations"),
    path(_RECONCILIATION, reconciliations.Reconciliation.as_view(), name="api-reconciliation"),
    path(f"{_RECONCILIATION}/runs", reconciliations.Runs.as_view(), name="api-reconciliation-runs"),
    path(f"{_RECONCILIATION}/breaks", reconciliations.Breaks.as_view(), name="api-reconciliation-breaks"),
    path("reconciliation-runs/<str:reference>", reconciliations.Run.as_view(), name="api-reconciliation-run"),
    path("breaks/<str:reference>", reconciliations.Break.as_view(), name="api-break"),
    path("forced-matches", reconciliations.ForcedMatches.as_view(), name="api-forced-matches"),
    path("positions", positions.Positions.as_view(), name="api-positions"),
    path("position-entries", positions.Entries.as_view(), name="api-position-entries"),
    path("lots", positions.Lots.as_view(), name="api-lots"),
    path("lot-movements", positions.LotMovements.as_view(), name="api-lot-movements"),
    path("corporate-actions", actions.CorporateActions.as_view(), name="api-corporate-actions"),
    path("lot-policies", actions.LotPolicies.as_view(), name="api-lot-policies"),
    path("margins", margins.Margins.as_view(), name="api-margins"),
    path("journal-entries", journal.Entries.as_view(), name="api-journal-entries"),
    path("trial-balance", journal.TrialBalance.as_view(), name="api-trial-balance"),
    path("ledger-accounts", journal.LedgerAccounts.as_view(), name="api-ledger-accounts"),
    path("ledger-periods", journal.Periods.as_view(), name="api-ledger-periods"),
    path("profit/days", profit.Days.as_view(), name="api-profit-days"),
    path("profit/days/<str:day>", profit.Day.as_view(), name="api-profit-day"),
    path("profit/days/<str:day>/prices", profit.Prices.as_view(), name="api-profit-prices"),
    path("profit/days/<str:day>/books/<str:book>", profit.Positions.as_view(), name="api-profit-positions"),
    path("profit/days/<str:day>/sign-offs", profit_review.SignOffs.as_view(), name="api-profit-sign-offs"),
    path("profit/adjustments", profit_review.Adjustments.as_view(), name="api-profit-adjustments"),
    path(
        "profit/days/<str:day>/restatements",
        profit_restatements.Restatements.as_view(),
        name="api-profit-restatements",
    ),
    path(
        "profit/days/<str:day>/restatements/<int:number>/trades",
        profit_restatements.RestatedTrades.as_view(),
        name="api-profit-restated-trades",
    ),
    path("profit/days/<str:day>/gains", profit_gains.Gains.as_view(), name="api-profit-gains"),
    path(
        "profit/days/<str:day>/gains/books/<str:book>",
        profit_gains.PositionGains.as_view(),
        name="api-profit-position-gains",
    ),
    path("profit/days/<str:day>/trades", profit.Trades.as_view(), name="api-profit-trades"),
]
