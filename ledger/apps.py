from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Declare the kinds of work items of positions and reconciliations, and change reconciliations and match their
        breaks by two people."""
        from core.four_eyes import on_approval
        from ledger import breaks_work
        from ledger.services import definitions, forced
        from ledger.work_kinds import KINDS
        from trades.work_items import register_causes, register_kinds

        register_kinds(KINDS)
        register_kinds(breaks_work.KINDS)
        register_causes(breaks_work.CAUSES)
        on_approval(definitions.KIND, definitions.apply_reconciliation, lock=definitions.lock_reconciliation)
        on_approval(forced.KIND, forced.apply_forced_match, lock=forced.lock_break, stakes=True)
