from django.apps import AppConfig


class TradesConfig(AppConfig):
    name = "trades"
    verbose_name = "Trades"

    def ready(self) -> None:
        """Have the terms of every version sealed with the event that brings it."""
        from core.seals import seal_along

        seal_along(table="trades_version", subject="trade", key=("trade_id", "version"))
