from typing import Any

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_migrate


class SettlementConfig(AppConfig):
    name = "settlement"
    verbose_name = "Settlement"

    def ready(self) -> None:
        """Have channels and manifests wherever the tables are, also in a database that was just emptied, guard what the
        back office has in hand and recall it when trades are changed, pull back what must not leave, say until when a
        held trade must be free, change SSIs and calendars and release holds by two people, accrue what deals are
        charged, credit what was billed of them and holds no longer, declare its kinds of work items, tell what is
        known of a batch and what a reconciliation compares, and say what is seen by whoever sees some books only."""
        from core.evidence import contribute, contribute_contents
        from core.four_eyes import on_approval
        from core.sides import contribute_sides
        from refdata.services import on_change
        from settlement import sight
        from settlement.cut_offs import cut_offs_of_trades
        from settlement.evidence import SECTIONS, contents
        from settlement.record_work import KIND as RECORDS
        from settlement.services import calendar_change, credit, hold, release
        from settlement.services.accrue import FOLLOWER as CHARGES
        from settlement.services.accrue import accrue_live, reverse_charges
        from settlement.services.guard import live_at_the_back_office
        from settlement.services.invoice import FOLLOWER as INVOICES
        from settlement.services.invoice import correct_billed
        from settlement.services.pinned import note_ssis
        from settlement.services.recall import FOLLOWER
        from settlement.services.reject import answer_rejections
        from settlement.services.ssi_change import KIND, apply_ssi_change
        from settlement.services.withhold import withhold_batches
        from settlement.sides import SIDES
        from settlement.work_kinds import CAUSES, KINDS
        from trades.lifecycle import State, on_arrival
        from trades.services.deadlines import on_deadlines
        from trades.services.guards import guard_economics, on_hold_back
        from trades.services.supersession import on_supersession
        from trades.work_items import register_causes, register_kinds

        on_approval(release.KIND, release.apply_release, lock=release.lock_batch)
        on_approval(KIND, apply_ssi_change)
        on_approval(calendar_change.KIND, calendar_change.apply_calendar_change)
        on_approval(hold.KIND, hold.apply_release, lock=hold.lock_hold)
        on_approval(credit.KIND, credit.apply_credit, lock=credit.lock_invoice)
        sight.declare_all()
        on_change(note_ssis)
        register_kinds((*KINDS, RECORDS))
        register_causes(CAUSES)
        contribute(*SECTIONS)
        contribute_sides(*SIDES)
        contribute_contents("batch", contents)
        post_migrate.connect(_have_channels, sender=self)
        guard_economics(live_at_the_back_office)
        on_hold_back(withhold_batches)
        on_deadlines(cut_offs_of_trades)
        on_arrival(State.CAPTURED, answer_rejections)
        on_supersession(FOLLOWER)
        on_supersession(CHARGES)
        on_supersession(INVOICES)
        for state in (State.VALIDATED, State.EXCEPTION):
            on_arrival(state, accrue_live)
        for state in (State.CANCELLED, State.ALLOCATED):
            on_arrival(state, reverse_charges)
            on_arrival(state, correct_billed)


def _have_channels(**_: Any) -> None:
    from core import sql
    from core.clock import utc_now
    from settlement.channel_codes import channel_codes
    from settlement.services.channels import ensure_channels
    from settlement.services.manifest import write_manifests
    from settlement.services.seal import wait_for_seals

    if sql.row("SELECT to_regclass('settlement_channel')") != (None,):  # not when migrated back to nothing
        ensure_channels()
    if sql.row("SELECT to_regclass('settlement_batch_manifest')") != (None,):
        with transaction.atomic():  # batches may have been sealed before there were manifests
            wait_for_seals()
            write_manifests(channels=channel_codes(), now=utc_now())
