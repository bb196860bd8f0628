from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"
    verbose_name = "Risk"

    def ready(self) -> None:
        """Join the lifecycle: limits are released with the trades, dry runs say what the checks would, changes
        tell what they free and use, approved excesses are carried out, and those of changed trades are void.
        """
        from core.four_eyes import on_approval
        from risk.services import excess
        from risk.services.check import preview
        from risk.services.limits import release_arrived
        from risk.services.supersession import FOLLOWER
        from trades.lifecycle import State, on_arrival
        from trades.services.dry_run import on_dry_run
        from trades.services.supersession import on_supersession

        on_arrival(State.SETTLED, release_arrived)
        on_arrival(State.CANCELLED, release_arrived)
        on_arrival(State.CAPTURED, excess.void_superseded)
        on_arrival(State.CANCELLED, excess.void_superseded)
        on_dry_run(preview)
        on_supersession(FOLLOWER)
        on_approval(excess.KIND, excess.apply_excess, lock=excess.lock_trade, stakes=True)
