from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Declare the kinds of work items of positions."""
        from ledger.work_kinds import KINDS
        from trades.work_items import register_kinds

        register_kinds(KINDS)
