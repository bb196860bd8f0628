"""The routes of the ledger."""

from django.urls import path

from ledger.api import profit

urlpatterns = [
    path("profit/days", profit.Days.as_view(), name="api-profit-days"),
    path("profit/days/<str:day>", profit.Day.as_view(), name="api-profit-day"),
    path("profit/days/<str:day>/prices", profit.Prices.as_view(), name="api-profit-prices"),
    path("profit/days/<str:day>/books/<str:book>", profit.Positions.as_view(), name="api-profit-positions"),
    path("profit/days/<str:day>/trades", profit.Trades.as_view(), name="api-profit-trades"),
]
