from django.apps import AppConfig


class TradesConfig(AppConfig):
    name = "trades"
    verbose_name = "Trades"

    def ready(self) -> None:
        """Carry out approved changes, have the terms of every version sealed with the event that brings it, tell what
        is known of a trade, release what waits for reference data when these change, match
        confirmations anew, await those that are due, keep from being sealed what must be confirmed before, and say
        which trades are seen by whoever sees some books only."""
        from core.evidence import contribute
        from core.four_eyes import on_approval
        from core.seals import seal_along
        from refdata.services import on_change
        from trades import sight
        from trades.evidence import SECTIONS
        from trades.lifecycle import State, on_arrival
        from trades.models import TradeVersion
        from trades.services import confirmation_policy, release, single_change
        from trades.services.confirmation_ageing import await_confirmations, look_soon
        from trades.services.confirmation_matching import queue_matching
        from trades.services.guards import hold_back
        from trades.work_items import CHANGE, CONFIRMATION, FINDING, UNCONFIRMED, UNMAILED, register_kinds

        on_approval(
            single_change.PROPOSAL_KIND,
            single_change.apply_change,
            lock=single_change.lock_trade,
            stakes=True,
        )
        seal_along(table=TradeVersion._meta.db_table, subject="trade", key=("trade_id", "version"))
        sight.declare_all()
        contribute(*SECTIONS)
        register_kinds([FINDING, CHANGE, CONFIRMATION, UNCONFIRMED, UNMAILED])
        on_change(release.note_changes)
        on_approval(confirmation_policy.KIND, confirmation_policy.apply_policy)
        hold_back(confirmation_policy.unconfirmed_among, once_sealed=False)
        for state in (State.VALIDATED, State.EXCEPTION, State.CANCELLED, State.ALLOCATED):
            on_arrival(state, queue_matching)
        for state in (State.VALIDATED, State.EXCEPTION):
            on_arrival(state, await_confirmations)
        for state in (State.CANCELLED, State.ALLOCATED):
            on_arrival(state, look_soon)
