from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"
    verbose_name = "Risk"

    def ready(self) -> None:
        """Join the lifecycle: limits are released with the trades, dry runs say what the checks would,
        approved excesses are carried out, and those of trades that have changed are void.
        """
        from core.four_eyes import on_approval
        from risk.services import excess
        from risk.services.check import preview
        from risk.services.limits import release_arrived
        from trades.lifecycle import State, on_arrival
        from trades.services.dry_run import on_dry_run

        on_arrival(State.SETTLED, release_arrived)
        on_arrival(State.CANCELLED, release_arrived)
        on_arrival(State.CAPTURED, excess.void_superseded)
        on_arrival(State.CANCELLED, excess.void_superseded)
        on_dry_run(preview)
        on_approval(excess.KIND, excess.apply_excess, lock=excess.lock_trade)
