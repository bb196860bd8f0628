from django.apps import AppConfig


class TradesConfig(AppConfig):
    name = "trades"
    verbose_name = "Trades"

    def ready(self) -> None:
        """Carry out approved changes."""
        from core.four_eyes import on_approval
        from trades.services import single_change

        on_approval(single_change.PROPOSAL_KIND, single_change.apply_change, lock=single_change.lock_trade)
