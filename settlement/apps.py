from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SettlementConfig(AppConfig):
    name = "settlement"
    verbose_name = "Settlement"

    def ready(self) -> None:
        """Have the channels wherever the tables are, also in a database that was just emptied, guard what the
        back office has in hand and recall it when trades are changed, pull back what must not leave, say until when a
        held trade must be free, change SSIs by two people, declare its kinds of work items, and tell what is known of
        a batch."""
        from core.evidence import contribute, contribute_contents
        from core.four_eyes import on_approval
        from refdata.services import on_change
        from settlement.evidence import SECTIONS, contents
        from settlement.selectors import cut_offs_of_trades
        from settlement.services.guard import live_at_the_back_office
        from settlement.services.pinned import note_ssis
        from settlement.services.recall import FOLLOWER
        from settlement.services.reject import answer_rejections
        from settlement.services.ssi_change import KIND, apply_ssi_change
        from settlement.services.withhold import withhold_batches
        from settlement.work_kinds import CAUSES, KINDS
        from trades.lifecycle import State, on_arrival
        from trades.services.deadlines import on_deadlines
        from trades.services.guards import guard_economics, on_hold_back
        from trades.services.supersession import on_supersession
        from trades.work_items import register_causes, register_kinds

        on_approval(KIND, apply_ssi_change)
        on_change(note_ssis)
        register_kinds(KINDS)
        register_causes(CAUSES)
        contribute(*SECTIONS)
        contribute_contents("batch", contents)
        post_migrate.connect(_have_channels, sender=self)
        guard_economics(live_at_the_back_office)
        on_hold_back(withhold_batches)
        on_deadlines(cut_offs_of_trades)
        on_arrival(State.CAPTURED, answer_rejections)
        on_supersession(FOLLOWER)


def _have_channels(**_: Any) -> None:
    from core import sql
    from settlement.services.channels import ensure_channels

    if sql.row("SELECT to_regclass('settlement_channel')") != (None,):  # not when migrated back to nothing
        ensure_channels()
