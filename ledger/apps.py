from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Set what two people approve of corporate actions and lots, and declare the kinds of work items."""
        from core.four_eyes import on_approval
        from ledger.services import corporate_actions, lot_policies
        from ledger.work_kinds import KINDS
        from trades.work_items import register_kinds

        register_kinds(KINDS)
        on_approval(corporate_actions.KIND, corporate_actions.apply_action, lock=corporate_actions.lock_all)
        on_approval(lot_policies.KIND, lot_policies.apply_policy, lock=corporate_actions.lock_all)
