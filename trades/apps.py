from django.apps import AppConfig


class TradesConfig(AppConfig):
    name = "trades"
    verbose_name = "Trades"

    def ready(self) -> None:
        """Carry out approved changes, have the terms of every version sealed with the event that brings it, and tell
        what is known of a trade."""
        from core.evidence import contribute
        from core.four_eyes import on_approval
        from core.seals import seal_along
        from trades.evidence import SECTIONS
        from trades.models import TradeVersion
        from trades.services import single_change

        on_approval(
            single_change.PROPOSAL_KIND,
            single_change.apply_change,
            lock=single_change.lock_trade,
            stakes=True,
        )
        seal_along(table=TradeVersion._meta.db_table, subject="trade", key=("trade_id", "version"))
        contribute(*SECTIONS)
