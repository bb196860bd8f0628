"""Pulling: claim, download, verify, hand over, acknowledge; and going on after whatever ended the last pull."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import httpx

from middleoffice_client.api import MAX_ITEMS, Answer, Batch, Claim, Client, Line, Problem
from middleoffice_client.handover import HandOver, NotTaken
from middleoffice_client.journal import Journal, Note, Step
from middleoffice_client.verify import NotAuthentic, Trust, verify_bytes

LEASE_SECONDS = 600
# Not a failure: somebody else has the batch, or nobody may have it yet.
_LATER = frozenset({"claimed-by-another", "batch-withheld", "batch-not-released"})
_RECALLED = "batch-recalled"
_ANSWERED = frozenset({"ACKNOWLEDGED", "SETTLED"})


@dataclass(frozen=True)
class Pulled:
    """What one pull did: the batches that were acknowledged, and those that were not, with what stands against it."""

    done: tuple[str, ...]
    failed: dict[str, str]


class Refused(Exception):  # noqa: N818
    """The product refused an answer to an instruction."""


class Pull:
    """Pulls batches into a folder's journal and hands them over.

    `on_step` is told what comes next of which batch, before it is done. One batch that fails does not keep the
    others; it is tried again by the next pull, from where it is.
    """

    def __init__(
        self,
        client: Client,
        folder: Path,
        hand_over: HandOver,
        *,
        trust: Trust | None = None,
        channel: str = "",
        lease_seconds: int = LEASE_SECONDS,
        on_step: Callable[[str, Batch], None] = lambda step, batch: None,
    ) -> None:
        self._client = client
        self._journal = Journal(folder)
        self._hand_over = hand_over
        self._trust = trust or Trust()
        self._channel = channel
        self._lease = lease_seconds
        self._claimed: dict[str, float] = {}
        self._on_step = on_step

    def run(self) -> Pulled:
        """Finish what was begun, then take every batch that can be had. Raise Busy while another pull runs."""
        done: list[str] = []
        failed: dict[str, str] = {}
        with self._journal.held():
            for note in self._notes():
                try:
                    if self._finish(note):
                        done.append(note.batch.id)
                except (Problem, NotAuthentic, NotTaken, Refused, httpx.TransportError, OSError) as error:
                    failed[note.batch.id] = str(error) or type(error).__name__
        return Pulled(tuple(done), failed)

    def _notes(self) -> Iterator[Note]:
        """Yield what was begun, then what is there to begin; a batch once."""
        begun = self._journal.unfinished()
        yield from begun
        known = {note.batch.id for note in begun}
        for batch in [
            *self._client.batches(channel=self._channel, status="SEALED"),
            *self._client.batches(channel=self._channel, status="CLAIMED"),
        ]:
            if batch.id not in known and self._journal.read(batch.id) is None:
                known.add(batch.id)
                yield Note(batch, Step.CLAIMED)

    def _finish(self, note: Note) -> bool:
        """Take a batch through all steps that are left; tell whether it is done. Nobody else may have it."""
        if note.step is not Step.HANDED_OVER:
            if not self._secured(note):
                return False
            note = self._through_hand_over(note)
        self._acknowledged(note)
        return True

    def _secured(self, note: Note) -> bool:
        """Claim a batch that is not handed over; tell whether it may be. What others have answered is forgotten."""
        try:
            self._claim(note.batch)
        except Problem as problem:
            if problem.code in _LATER:
                return False
            if problem.code != _RECALLED:
                raise
            gone = "it was recalled"
        else:
            if self._client.batch(note.batch.id).status not in _ANSWERED:
                return True
            self._client.release(note.batch.id)
            gone = "somebody else has answered it"
        if note.step is Step.HANDING_OVER:
            raise Refused(f"it may have been handed over here, and {gone}")
        self._journal.forget(note.batch)
        return False

    def _through_hand_over(self, note: Note) -> Note:
        batch = note.batch
        if note.step is Step.CLAIMED:
            self._on_step("note claim", batch)
            note = self._verified(self._journal.write(note))
        if note.step is Step.HANDING_OVER:
            return self._handed_over(note, again=True)
        self._note_recalled(batch)
        self._on_step("prepare", batch)
        self._hand_over.prepare(batch, self._journal.part(batch), recalled=self._journal.recalled(batch))
        self._on_step("note hand over", batch)
        return self._handed_over(self._journal.write(replace(note, step=Step.HANDING_OVER)), again=False)

    def _note_recalled(self, batch: Batch) -> None:
        """Ask once more, as late as can be, what of the batch must not be done, and keep that with it.

        A batch that is handed over again says the same, so that whoever looks whether it took it finds nothing new.
        What is recalled from then on is cancelled by a later batch.
        """
        claim = self._claim(batch)
        all_told = claim.recalled_count == len(claim.recalled)
        self._on_step("note recalled", batch)
        self._journal.write_recalled(batch, claim.recalled if all_told else self._client.recalled(batch.id))

    def _claim(self, batch: Batch) -> Claim:
        self._on_step("claim", batch)
        claim = self._client.claim(batch.id, lease_seconds=self._lease)
        self._claimed[batch.id] = time.monotonic()
        return claim

    def _keep_claim(self, batch: Batch) -> None:
        """Extend the claim that this pull made, once half of its time has gone."""
        if time.monotonic() - self._claimed.get(batch.id, float("inf")) > self._lease / 2:
            self._claim(batch)

    def _verified(self, note: Note) -> Note:
        """Gather the bytes from where they end, and verify them. What is wrong is thrown away for the next pull."""
        batch, part = note.batch, self._journal.part(note.batch)
        self._trust.verify(batch)
        self._on_step("download", batch)
        have = part.stat().st_size if part.exists() else 0
        with part.open("ab") as file:
            if have < batch.byte_count:
                for chunk in self._client.content(batch, start=have):
                    self._keep_claim(batch)
                    file.write(chunk)
                    self._on_step("bytes", batch)
            file.flush()
            os.fsync(file.fileno())
        self._on_step("verify", batch)
        try:
            verify_bytes(batch, part)
        except NotAuthentic:
            part.unlink()
            raise
        return self._journal.write(replace(note, step=Step.VERIFIED))

    def _handed_over(self, note: Note, *, again: bool) -> Note:
        batch = note.batch
        self._on_step("hand over", batch)
        recalled, rejections = self._journal.recalled(batch), self._journal.rejections(batch)
        try:
            self._hand_over.take(
                batch, self._journal.part(batch), recalled=recalled, rejections=rejections, again=again
            )
        except NotTaken:
            self._journal.write(replace(note, step=Step.VERIFIED))
            raise
        self._on_step("handed over", batch)
        return self._journal.write(replace(note, step=Step.HANDED_OVER))

    def _acknowledged(self, note: Note) -> None:
        """Answer the lines that are not answered yet, some thousands at a time."""
        batch = note.batch
        reasons = _reasons(self._journal.rejections(batch))
        with self._journal.part(batch).open("rb") as file:
            lines = itertools.islice(file, note.answered, None)
            while some := [_line(each) for each in itertools.islice(lines, MAX_ITEMS)]:
                self._keep_claim(batch)
                self._on_step("acknowledge", batch)
                answers = [Answer(each, reasons.get(each.instruction, "")) for each in some]
                self._send(batch, answers, key=_key(batch, note.answered, answers))
                self._on_step("acknowledged", batch)
                note = self._journal.write(replace(note, answered=note.answered + len(some)))
        self._journal.write(replace(note, step=Step.ACKNOWLEDGED))
        self._on_step("clear", batch)
        self._journal.clear(batch)

    def _send(self, batch: Batch, answers: list[Answer], *, key: str) -> None:
        """Send answers; Refused names the first that was not taken.

        What was sent before is answered again under the same key, also when the claim has ended with it. Only what
        is new needs a claim.
        """
        try:
            results = self._client.acknowledge(batch.id, answers, key=key)
        except Problem as problem:
            if problem.code != "not-claimed":
                raise
            self._claim(batch)
            results = self._client.acknowledge(batch.id, answers, key=key)
        refused = [each for each in results if each["status"] != httpx.codes.OK]
        if refused:
            first = refused[0]
            why = first.get("problem", {}).get("detail") or first["status"]
            line = first["record"] if "record" in first else first["instruction"]
            raise Refused(f"{len(refused)} answers were refused, the first of {line}: {why}")


def _key(batch: Batch, answered: int, answers: list[Answer]) -> str:
    """Return the key of answers: the same for the same ones, another once a rejection was changed by hand."""
    said = "".join(f"{each.line.instruction} {each.reason}\n" for each in answers)
    return f"pull-{batch.id}-{answered}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def _line(text: bytes) -> Line:
    found = json.loads(text)
    if "record" in found:
        totals = {direction: Decimal(total) for direction, total in found["totals"].items()}
        return Line(found["record"], found["asset"], "", Decimal(0), is_record=True, totals=totals)
    return Line(
        found["instruction"],
        found["asset"],
        found["direction"],
        Decimal(found["quantity"]),
        found.get("settlement_type", ""),
        (found.get("linked") or {}).get("instruction"),
    )


def _reasons(path: Path) -> dict[str, str]:
    """Return the reasons of rejections by instruction, as a hand-over has written them."""
    if not path.exists():
        return {}
    pairs = (line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip())
    return {instruction: reason.strip() for instruction, reason in pairs}
