"""What holds after every step: the product stands where the reference does, and what it adds up to is right."""

from __future__ import annotations

import hashlib
from datetime import datetime

from hypothesis.stateful import invariant

from core import sql
from risk.services.recompute import recompute_limits
from tests.machine.records import legs_of
from tests.machine.reference import Reference
from tests.support.factories import used
from tests.support.records import CLERK
from trades.lifecycle import State


class Comparison:
    """The invariants of a state machine. hashes: of the bytes of each batch, as it was sealed."""

    reference: Reference
    hashes: dict[int, str]
    now: datetime

    @invariant()
    def both_stand_at_the_same_place(self) -> None:
        self.every_deal_stands_where_the_reference_says()
        self.parts_make_their_block()
        self.limits_use_what_the_live_deals_add_up_to()
        self.every_line_stands_where_the_reference_says()
        self.every_standing_line_is_the_sum_of_the_legs_behind_it()
        self.a_settled_deal_has_every_leg_settled()
        self.a_batch_counts_its_lines()
        self.a_sealed_batch_never_changes()

    def every_deal_stands_where_the_reference_says(self) -> None:
        rows = sql.records(
            "SELECT v.trade_id, s.state, s.block_id, v.version, v.source_version, v.quantity, v.price, v.side,"
            " v.counterparty_ref, v.settlement_date, v.trader FROM trades_state s"
            " JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version"
        )
        found = {
            row["trade_id"]: (
                State(row["state"]).name,
                row["block_id"],
                row["version"],
                row["source_version"],
                {
                    "quantity": int(row["quantity"]),
                    "price": int(row["price"]),
                    "side": row["side"],
                    "counterparty": row["counterparty_ref"],
                    "settlement_date": row["settlement_date"],
                    "trader": row["trader"],
                },
            )
            for row in rows
        }
        deals = self.reference.deals
        assert found == {
            deal.trade_id: (
                deal.state,
                None if deal.block is None else deals[deal.block].trade_id,
                deal.version,
                deal.count,
                deal.terms,
            )
            for deal in deals.values()
        }

    def parts_make_their_block(self) -> None:
        """The database, which looks at each commit, looks now; and so does the reference."""
        sql.run("SET CONSTRAINTS ALL IMMEDIATE")
        sql.run("SET CONSTRAINTS ALL DEFERRED")
        for ref, deal in self.reference.deals.items():
            parts = [self.reference.deals[each].terms for each in self.reference.standing_parts(ref)]
            assert bool(parts) == (deal.state == "ALLOCATED")
            for part in parts:
                assert (part["side"], part["price"]) == (deal.terms["side"], deal.terms["price"])
            assert sum(part["quantity"] for part in parts) in {0, deal.terms["quantity"]}

    def limits_use_what_the_live_deals_add_up_to(self) -> None:
        assert {key: int(figure) for key, figure in used().items() if figure} == {
            key: figure for key, figure in self.reference.used().items() if figure
        }
        assert recompute_limits(now=self.now, actor=CLERK, correct=False) == []

    def every_line_stands_where_the_reference_says(self) -> None:
        found = {
            line_id: rest
            for line_id, *rest in sql.rows(
                "SELECT s.instruction_id, s.processing, s.settlement, r.instruction_id IS NOT NULL, r.cancellation_id"
                " FROM settlement_instruction_state s"
                " LEFT JOIN settlement_recall r ON r.instruction_id = s.instruction_id"
            )
        }
        assert found == {
            line_id: [line.processing, line.settlement, line.recalled, line.cancellation]
            for line_id, line in self.reference.lines.items()
        }

    def every_standing_line_is_the_sum_of_the_legs_behind_it(self) -> None:
        """The net of the legs by what their deals say now, each leg in one standing line at most."""
        owed: dict[int, int] = {}
        for deal in self.reference.deals.values():
            for number, place in deal.places.items():
                if place.line is None or self.reference.lines[place.line].dead:
                    continue
                if deal.state in {"INSTRUCTED", "HANDED_OFF", "ACKNOWLEDGED", "SETTLED"}:
                    assert place.leg == legs_of(deal.terms)[number - 1]
                owed[place.line] = owed.get(place.line, 0) + place.leg[1]
        assert owed == {
            line_id: int(net)
            for line_id, net in sql.rows(
                "SELECT i.id, i.quantity * CASE i.direction WHEN 'RECEIVE' THEN 1 WHEN 'DELIVER' THEN -1 ELSE 0 END"
                " FROM settlement_instruction i JOIN settlement_instruction_state s ON s.instruction_id = i.id"
                " WHERE s.processing <> 'REJECTED' AND i.cancels IS NULL"
                " AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id)"
            )
        }

    def a_settled_deal_has_every_leg_settled(self) -> None:
        for deal in self.reference.deals.values():
            if deal.state == "SETTLED":
                lines = [self.reference.lines[each.line or 0] for each in deal.places.values()]
                assert [(line.dead, line.settlement) for line in lines] == [(False, "SETTLED")] * 2

    def a_batch_counts_its_lines(self) -> None:
        assert not sql.rows(
            "SELECT b.batch_id FROM settlement_batch_state b JOIN settlement_instruction_state s USING (batch_id)"
            " GROUP BY b.batch_id HAVING b.accepted <> count(*) FILTER (WHERE s.processing = 'ACCEPTED')"
            " OR b.rejected <> count(*) FILTER (WHERE s.processing = 'REJECTED')"
            " OR b.settled <> count(*) FILTER (WHERE s.settlement = 'SETTLED'"
            "                                  OR s.settlement = 'CANCELLED' AND s.processing = 'ACCEPTED')"
        )

    def a_sealed_batch_never_changes(self) -> None:
        assert hashes_of(list(self.hashes)) == self.hashes
        stored = dict(sql.rows("SELECT id, sha256 FROM settlement_batch"))
        assert stored == self.hashes


def hashes_of(batches: list[int]) -> dict[int, str]:
    """Return the SHA-256 of the bytes that batches have now."""
    return {
        batch_id: hashlib.sha256(b"".join(map(bytes, pages))).hexdigest()
        for batch_id, pages in sql.rows(
            "SELECT batch_id, array_agg(content ORDER BY number) FROM settlement_batch_page"
            " WHERE batch_id = ANY(%s) GROUP BY batch_id",
            [batches],
        )
    }
