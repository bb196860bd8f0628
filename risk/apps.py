from django.apps import AppConfig


class RiskConfig(AppConfig):
    name = "risk"
    verbose_name = "Risk"

    def ready(self) -> None:
        """Join the lifecycle: limits are released with the trades, dry runs say what the checks would, parts count in
        the place of their block, changes tell what they free and use, approved excesses are carried out, those of
        changed trades are void, approved parameters of checks are set, and what exceeds limits is work of its own.
        Evidence tells how the checks were set that found something. Whoever sees some books only sees the firm's
        figures, but not those of other desks' members.
        """
        from core.evidence import contribute
        from core.four_eyes import on_approval
        from risk import sight
        from risk.causes import causes
        from risk.evidence import SECTIONS
        from risk.services import excess, parameters, stops, terms
        from risk.services.check import preview
        from risk.services.limits import release_cancelled, release_settled
        from risk.services.supersession import FOLLOWER
        from risk.work_kinds import KINDS
        from trades.lifecycle import State, on_arrival
        from trades.services.dry_run import on_dry_run
        from trades.services.guards import hold_back
        from trades.services.supersession import on_supersession
        from trades.work_items import register_causes, register_kinds

        sight.declare_all()
        register_kinds(KINDS)
        register_causes(causes())
        on_arrival(State.SETTLED, release_settled)
        on_arrival(State.CANCELLED, release_cancelled)
        on_arrival(State.ALLOCATED, release_cancelled)
        on_arrival(State.CAPTURED, excess.void_superseded)
        on_arrival(State.CANCELLED, excess.void_superseded)
        on_dry_run(preview)
        contribute(*SECTIONS)
        on_supersession(FOLLOWER)
        on_approval(excess.KIND, excess.apply_excess, lock=excess.lock_trade, stakes=True)
        on_approval(parameters.KIND, parameters.apply_parameters, lock=parameters.lock_check)
        on_approval(terms.TERMS, terms.apply_terms)
        on_approval(terms.EXCESS, terms.apply_temporary_excess)
        on_approval(stops.KIND, stops.apply_lift)
        hold_back(stops.stopped_among)
