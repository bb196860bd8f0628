from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Set what two people approve of corporate actions, lots, reconciliations, profit, how things are valued,
        accounts and the closing of books; declare the kinds of work items of positions, of the journal and of breaks;
        tell what trades make us hold; have the journal of closed books leave; say what is seen by whoever sees some
        books only."""
        from core.contents import register_contents
        from core.evidence import contribute
        from core.four_eyes import on_approval
        from ledger import breaks_work, journal_work, sight
        from ledger.evidence import SECTIONS
        from ledger.hand_off import JOURNAL
        from ledger.services import (
            accounts,
            corporate_actions,
            definitions,
            forced,
            lot_policies,
            periods,
            valuation,
        )
        from ledger.services import profit_adjustments as adjustments
        from ledger.services import profit_sign_off as sign_off
        from ledger.work_kinds import KINDS
        from trades.work_items import register_causes, register_kinds

        sight.declare_all()
        contribute(*SECTIONS)
        register_contents(JOURNAL)
        register_kinds(KINDS)
        register_kinds(breaks_work.KINDS)
        register_kinds(journal_work.KINDS)
        register_causes(breaks_work.CAUSES)
        on_approval(definitions.KIND, definitions.apply_reconciliation, lock=definitions.lock_reconciliation)
        on_approval(forced.KIND, forced.apply_forced_match, lock=forced.lock_break, stakes=True)
        on_approval(corporate_actions.KIND, corporate_actions.apply_action, lock=corporate_actions.lock_all)
        on_approval(lot_policies.KIND, lot_policies.apply_policy, lock=corporate_actions.lock_all)
        on_approval(
            adjustments.KIND, adjustments.apply_adjustment, lock=adjustments.lock_adjustments, stakes=True
        )
        on_approval(sign_off.KIND, sign_off.apply_sign_off, lock=sign_off.lock_sign_off)
        on_approval(valuation.KIND, valuation.apply_valuation, lock=valuation.lock_valuation)
        on_approval(accounts.KIND, accounts.apply_accounts, lock=accounts.lock_accounts)
        on_approval(periods.KIND, periods.apply_closing, lock=periods.lock_books)
