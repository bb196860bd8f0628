from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Set what two people approve of corporate actions, lots and reconciliations, and declare the kinds of
        work items of positions and of breaks."""
        from core.four_eyes import on_approval
        from ledger import breaks_work, journal_work
        from ledger.services import corporate_actions, definitions, forced, lot_policies
        from ledger.work_kinds import KINDS
        from trades.work_items import register_causes, register_kinds

        register_kinds(KINDS)
        register_kinds(breaks_work.KINDS)
        register_kinds(journal_work.KINDS)
        register_causes(breaks_work.CAUSES)
        on_approval(definitions.KIND, definitions.apply_reconciliation, lock=definitions.lock_reconciliation)
        on_approval(forced.KIND, forced.apply_forced_match, lock=forced.lock_break, stakes=True)
        on_approval(corporate_actions.KIND, corporate_actions.apply_action, lock=corporate_actions.lock_all)
        on_approval(lot_policies.KIND, lot_policies.apply_policy, lock=corporate_actions.lock_all)
