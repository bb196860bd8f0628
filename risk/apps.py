from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"
    verbose_name = "Risk"

    def ready(self) -> None:
        """Join the lifecycle: limits are released with the trades, dry runs say what the checks would."""
        from risk.services.check import preview
        from risk.services.limits import release_arrived
        from trades.lifecycle import State, on_arrival
        from trades.services.dry_run import on_dry_run

        on_arrival(State.SETTLED, release_arrived)
        on_arrival(State.CANCELLED, release_arrived)
        on_dry_run(preview)
