from django.apps import AppConfig


class TradesConfig(AppConfig):
    name = "trades"
    verbose_name = "Trades"

    def ready(self) -> None:
        """Carry out approved changes, have the terms of every version sealed with the event that brings it, tell what
        is known of a trade, and release what waits for reference data when these change."""
        from core.evidence import contribute
        from core.four_eyes import on_approval
        from core.seals import seal_along
        from refdata.services import on_change
        from trades.evidence import SECTIONS
        from trades.models import TradeVersion
        from trades.services import release, single_change
        from trades.work_items import CHANGE, FINDING, register_kinds

        on_approval(
            single_change.PROPOSAL_KIND,
            single_change.apply_change,
            lock=single_change.lock_trade,
            stakes=True,
        )
        seal_along(table=TradeVersion._meta.db_table, subject="trade", key=("trade_id", "version"))
        contribute(*SECTIONS)
        register_kinds([FINDING, CHANGE])
        on_change(release.note_changes)
