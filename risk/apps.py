from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"
    verbose_name = "Risk"

    def ready(self) -> None:
        """Join the lifecycle: limits are released with the trades, dry runs say what the checks would, changes
        tell what they free and use, approved excesses are carried out, those of changed trades are void, and
        approved parameters of checks are set. Evidence tells how the checks were set that found something.
        """
        from core.evidence import contribute
        from core.four_eyes import on_approval
        from risk.evidence import SECTIONS
        from risk.services import excess, parameters
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
        contribute(*SECTIONS)
        on_supersession(FOLLOWER)
        on_approval(excess.KIND, excess.apply_excess, lock=excess.lock_trade)
        on_approval(parameters.KIND, parameters.apply_parameters, lock=parameters.lock_check)
