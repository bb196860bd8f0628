"""Take settlement batches over from a running product and settle them, through its public API only."""

from __future__ import annotations

import threading
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import msgspec
from django.core.management.base import BaseCommand, CommandError

from core.http.client import ApiClient, Refused, Stopped
from core.live import show_until, stop_on_signals
from settlement.simulation import (
    Answer,
    Counts,
    Line,
    Pull,
    Report,
    Temper,
    answer,
    control_totals,
    report,
    settles,
)

CHANNELS = ("CASH", "SECURITIES", "GOODS")
OPEN = ("SEALED", "CLAIMED", "ACKNOWLEDGED")  # a batch in one of these has something left to do
CHUNK = 5_000  # instructions in one request
POLL_SECONDS = 2.0
PULL_PAUSES = (0.2, 1.0, 3.0, 10.0, 20.0)  # seconds to wait before a batch is pulled again
BATCHES = "/api/v1/settlement-batches"
REPORTS = "/api/v1/settlement-status-reports"
_T = TypeVar("_T")


class Command(BaseCommand):
    help = (
        "Claim sealed batches, verify them, acknowledge their instructions and report how they settle."
        " A batch whose bytes, count or totals are not what it says of itself is left alone and named."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", required=True, help="of the product, e.g. http://127.0.0.1:8000")
        parser.add_argument("--token", required=True, help="of a client with settlement:read, settlement:ack")
        parser.add_argument("--channel", action="append", choices=CHANNELS, help="default: all")
        parser.add_argument("--reject", type=Decimal, default=Decimal(0), metavar="PERCENT")
        parser.add_argument("--fail", type=Decimal, default=Decimal(0), metavar="PERCENT")
        parser.add_argument("--partial", type=Decimal, default=Decimal(0), metavar="PERCENT")
        parser.add_argument("--seed", type=int, default=0, help="of what is rejected and what fails")
        parser.add_argument("--lease", type=int, default=300, metavar="SECONDS", help="of a claim")
        again = parser.add_mutually_exclusive_group()
        again.add_argument("--once", action="store_true", help="end when there is no batch left (default)")
        again.add_argument("--follow", action="store_true", help="go on and wait for further batches")

    def handle(self, *, url: str, token: str, **options: Any) -> None:
        shares = [options["reject"], options["fail"], options["partial"]]
        if any(not 0 <= each <= 100 for each in shares) or options["fail"] + options["partial"] > 100:
            raise CommandError(
                "--reject, --fail and --partial are per cent; fail and partial make at most 100."
            )
        temper = Temper(options["seed"], *shares)
        with stop_on_signals() as stop:
            office = BackOffice(
                url=url,
                token=token,
                channels=options["channel"] or CHANNELS,
                temper=temper,
                lease=options["lease"],
                follow=options["follow"],
                stop=stop,
            )
            thread = threading.Thread(target=office.run, daemon=True)
            thread.start()
            show_until(office.done, title="Back office", figures=office.figures, out=self.stdout)
        for fault in office.faults:
            self.stderr.write(fault)
        if office.failure or office.faults:
            raise CommandError(office.failure or "Some batches are not what they say of themselves.")


class BackOffice:
    """One consumer at its work, in a thread of its own."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        channels: Sequence[str],
        temper: Temper,
        lease: int,
        follow: bool,
        stop: threading.Event,
    ) -> None:
        self.done = threading.Event()
        self.counts = Counts()
        self.faults: list[str] = []
        self.failure = ""
        self._channels, self._temper, self._lease = channels, temper, lease
        self._follow, self._stop = follow, stop
        self._finished: set[str] = set()
        self._api = ApiClient(url=url, token=token, stop=stop)

    def figures(self) -> dict[str, str]:
        """Return the figures to show."""
        said = {status.lower(): f"{count:,}" for status, count in sorted(self.counts.said.items())}
        return {
            "batches": f"{self.counts.batches:,}",
            "instructions": f"{self.counts.instructions:,}",
            **said,
            "refused": f"{self.counts.refused:,}",
            "held by others": f"{self.counts.held_by_others:,}",
            "retries": f"{self._api.retries + self.counts.pulled_again:,}",
        }

    def run(self) -> None:
        """Work until there is nothing left, or for ever; what ends it otherwise is kept in `failure`."""
        try:
            with self._api:
                while not self._stop.is_set():
                    worked = self._work_once()
                    if not worked and not self._follow:
                        break
                    if not worked and self._stop.wait(POLL_SECONDS):
                        break
        except Stopped:
            pass
        except (httpx.HTTPError, Refused) as error:
            self.failure = f"The product cannot be reached: {error}"
        finally:
            self.done.set()

    def _work_once(self) -> bool:
        """Take every open batch once; tell whether there was something to do."""
        worked = False
        for channel in self._channels:
            for status in OPEN:
                for batch in self._api.items(BATCHES, channel=channel, status=status):
                    if self._stop.is_set():
                        return False
                    if batch["id"] not in self._finished:
                        worked |= self._take(batch)
        return worked

    def _take(self, batch: Mapping[str, Any]) -> bool:
        """Take one batch as far as it goes; tell whether it was ours to take."""
        if batch["status"] != "ACKNOWLEDGED" and not self._claim(batch["id"]):
            return False
        lines = self._pull(batch)
        self._finished.add(batch["id"])
        if lines is None:
            return False
        answers = [answer(line, self._temper) for line in lines]
        if batch["status"] != "ACKNOWLEDGED":
            self._acknowledge(batch["id"], lines, answers)
        accepted = {each.instruction for each in answers if each.status == "ACCEPTED"}
        self._report([line for line in lines if line.instruction in accepted and settles(line)])
        self.counts.batches += 1
        self.counts.instructions += len(lines)
        return True

    def _claim(self, batch_id: str) -> bool:
        body = msgspec.json.encode({"lease_seconds": self._lease})
        try:
            self._api.post(f"{BATCHES}/{batch_id}/claims", body)
        except Refused as error:
            if error.status != 409:
                raise
            self.counts.held_by_others += 1
            return False
        return True

    def _pull(self, batch: Mapping[str, Any]) -> list[Line] | None:
        """Pull a batch, from its beginning again when the connection breaks."""
        for pause in PULL_PAUSES:
            try:
                return self._pull_once(batch)
            except httpx.TransportError:
                pass
            except Refused as error:
                if error.status not in {429, 502, 503, 504}:
                    raise
            self.counts.pulled_again += 1
            if self._stop.wait(pause):
                raise Stopped
        return self._pull_once(batch)

    def _pull_once(self, batch: Mapping[str, Any]) -> list[Line] | None:
        """Pull a batch and verify it; None when it is not what it says of itself."""
        pull = Pull()
        path = f"{BATCHES}/{batch['id']}/instructions"
        with self._api.stream(path, accept="application/x-ndjson") as response:
            for chunk in response.iter_bytes():
                pull.take(chunk)
            etag = response.headers.get("ETag", "")
        faults = pull.faults(
            sha256=batch["sha256"],
            etag=etag,
            count=batch["instruction_count"],
            totals=batch["control_totals"],
        )
        self.faults += [f"{batch['id']}: {fault}" for fault in faults]
        return None if faults else pull.lines

    def _acknowledge(self, batch_id: str, lines: Sequence[Line], answers: Sequence[Answer]) -> None:
        for part, said in zip(_chunks(lines), _chunks(answers), strict=True):
            items = [{key: value for key, value in asdict(each).items() if value} for each in said]
            control = {"count": len(part), "totals": control_totals(part)}
            body = msgspec.json.encode({"items": items, "control_totals": control})
            _, document = self._api.post(f"{BATCHES}/{batch_id}/acknowledgements", body)
            self.counts.add(said, [item["status"] for item in document["items"]])

    def _report(self, lines: Sequence[Line]) -> None:
        for part in _chunks(lines):
            said: list[Report] = [report(line, self._temper) for line in part]
            items = [{key: value for key, value in asdict(each).items() if value} for each in said]
            _, document = self._api.post(REPORTS, msgspec.json.encode({"items": items}))
            self.counts.add(said, [item["status"] for item in document["items"]])


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))
