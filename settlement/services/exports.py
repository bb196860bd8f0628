"""Batches in the formats of other systems: the same lines, written another way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from core.contents import Content
from core.http.problem import Fault, Problem
from core.ids import BATCH, INSTRUCTION, database_id, public_id
from settlement.formats.base import Format, Line, Sealed, Tally, Terms
from settlement.records import as_csv
from settlement.selectors import content, terms_behind

MAX_FAULTS = 100
CSV = "csv"  # the format in which the records of other apps come, beside the canonical one
_DECODER = msgspec.json.Decoder(Line)


@dataclass
class _Survey:
    """What a first look at a batch finds: what can be written, and which lines cannot."""

    count: int = 0
    totals: dict[str, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(dict))
    refused: int = 0
    faults: list[Fault] = field(default_factory=list)

    def take(self, line: Line) -> None:
        by_direction = self.totals[line.asset]
        by_direction[line.direction] = by_direction.get(line.direction, Decimal(0)) + Decimal(line.quantity)
        self.count += 1

    def refuse(self, line: Line, code: str, why: str) -> None:
        self.refused += 1
        if len(self.faults) < MAX_FAULTS:
            detail = f"Line {line.line}, {line.instruction}: {why}."
            self.faults.append(Fault(f"/lines/{line.line}", detail, code))


def export_batch(*, batch: Mapping[str, Any], format: Format, carried_only: bool = False) -> Iterator[bytes]:
    """Return the bytes of a batch (a row of selectors.read_batch) in a format, a run of lines at a time.

    Memory stays flat: the lines are read twice, first for what the head of a file says and for what the format
    cannot carry. Problem 422 naming such lines, unless `carried_only` asks for the file without them; and in any
    case when it can carry none.
    """
    if format.lines is None:
        return content(batch["id"])
    survey = _survey(batch["id"], format)
    if survey.refused and not carried_only:
        raise _not_carried(format, survey)
    if not survey.count:
        raise _nothing_carried(format, survey)
    sealed = Sealed.of(batch, reference=public_id(BATCH, batch["id"]))
    return _write(batch["id"], format, sealed, Tally(survey.count, survey.totals))


def export_records(*, batch: Mapping[str, Any], kind: Content, format: Format) -> Iterator[bytes]:
    """Return the bytes of a batch of records in a format: as they were sealed, or as CSV. Problem 422 for another."""
    if format.code == CSV:
        return as_csv(batch["id"], kind)
    raise Problem(
        422,
        "lines-not-carried",
        f"{format.code} carries instructions, and this batch has none.",
        detail="Its records come as `ndjson`, `csv` or pages of `json`.",
    )


def _survey(batch_id: int, format: Format) -> _Survey:
    found = _Survey()
    for lines in _pages(batch_id, format):
        for line in lines:
            refusal = format.refusal(line)
            if refusal is None:
                found.take(line)
            else:
                found.refuse(line, refusal.code, refusal.why)
    return found


def _write(batch_id: int, format: Format, sealed: Sealed, tally: Tally) -> Iterator[bytes]:
    assert format.lines is not None  # noqa: S101 - stored bytes are not written
    yield format.head(sealed, tally).encode()
    for lines in _pages(batch_id, format):
        carried = [line for line in lines if format.refusal(line) is None]
        if carried:
            yield format.lines(carried).encode()
    if format.tail:
        yield format.tail.encode()


def _pages(batch_id: int, format: Format) -> Iterator[list[Line]]:
    for page in content(batch_id):
        lines = [_DECODER.decode(line) for line in page.splitlines()]
        yield _with_terms(lines) if format.needs_terms else lines


def _with_terms(lines: Sequence[Line]) -> list[Line]:
    ids = [database_id(INSTRUCTION, line.instruction) or 0 for line in lines]
    found = terms_behind(ids)
    return [
        msgspec.structs.replace(line, terms=Terms(*found[each])) if each in found else line
        for each, line in zip(ids, lines, strict=True)
    ]


def _not_carried(format: Format, survey: _Survey) -> Problem:
    some = f", of which the first {MAX_FAULTS} are named" if survey.refused > MAX_FAULTS else ""
    return Problem(
        422,
        "lines-not-carried",
        f"{format.code} cannot carry every line of this batch.",
        detail=f"It cannot carry {survey.refused:,} of {survey.refused + survey.count:,} lines{some}."
        " With lines=carried it comes without them.",
        faults=survey.faults,
    )


def _nothing_carried(format: Format, survey: _Survey) -> Problem:
    title = f"{format.code} can carry no line of this batch."
    return Problem(422, "nothing-carried", title, faults=survey.faults)
