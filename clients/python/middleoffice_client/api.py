"""The API of settlement as typed calls, over httpx.

Every change carries an `Idempotency-Key`, so that a call whose answer was lost may be repeated with the same key.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, Self

import httpx

NDJSON = "application/x-ndjson"
MAX_ITEMS = 10_000
_CHUNK = 256 * 1024


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An answer of the API that is an error (`application/problem+json`, RFC 9457).

    `code` is a stable word, `errors` name every fault by its pointer, `retry_after` is in seconds.
    """

    def __init__(self, response: httpx.Response) -> None:
        document = _document(response)
        self.status = response.status_code
        self.code = str(document.get("code", ""))
        self.title = str(document.get("title", response.reason_phrase))
        self.errors: list[dict[str, str]] = document.get("errors", [])
        retry_after = response.headers.get("Retry-After", "")
        self.retry_after = int(retry_after) if retry_after.isdigit() else None
        super().__init__(f"{self.status} {self.code}: {self.title}")


@dataclass(frozen=True)
class Batch:
    """A sealed batch. `sha256` is the hash of its canonical bytes; `manifest` is there where batches are signed."""

    id: str
    channel: str
    sequence: int
    status: str
    value_date: str
    instruction_count: int
    byte_count: int
    sha256: str
    manifest: dict[str, Any] | None

    @classmethod
    def of(cls, document: dict[str, Any]) -> Batch:
        """Return a batch from its JSON document."""
        names = (
            "id", "channel", "sequence", "status", "value_date", "instruction_count", "byte_count", "sha256",
        )  # fmt: skip
        return cls(**{name: document[name] for name in names}, manifest=document.get("manifest"))


@dataclass(frozen=True)
class Claim:
    """A claim on a batch. `is_new`: not merely extended.

    `recalled` are instructions of the batch that must not be done any more, in the order of its lines: the first ones
    of `recalled_count`. `Client.recalled` reads them all.
    """

    is_new: bool
    recalled: tuple[str, ...] = ()
    recalled_count: int = 0


@dataclass(frozen=True)
class Line:
    """What an acknowledgement needs of a canonical line, and how it settles.

    `settlement_type` is DVP, FOP, PAYMENT or DELIVERY (of goods); `linked` what an instruction of DVP settles against.
    A line of a batch of records, such as the journal's entries, is no instruction: `is_record`, and `instruction` is
    the record's id. `totals` are what the line adds to the control totals of its asset, by direction.
    """

    instruction: str
    asset: str
    direction: str
    quantity: Decimal
    settlement_type: str = ""
    linked: str | None = None
    is_record: bool = False
    totals: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def sums(self) -> Mapping[str, Decimal]:
        """Return what the line adds to the control totals of its asset, by direction."""
        return self.totals if self.is_record else {self.direction: self.quantity}


@dataclass(frozen=True)
class Answer:
    """The answer to one instruction: accepted without a reason, rejected with one."""

    line: Line
    reason: str = ""


@dataclass(frozen=True)
class StatusReport:
    """What became of an instruction: a `status` of the API, a `reason` code, the `quantity` settled so far."""

    instruction: str
    status: str
    reason: str = ""
    quantity: Decimal | None = None


class Client:
    """A client of one installation. Use it as a context manager, or close it.

    Raises Problem for an answer that is an error, httpx.TransportError when there is no answer.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def batches(
        self, *, channel: str = "", status: Literal["", "SEALED", "CLAIMED", "ACKNOWLEDGED", "SETTLED"] = ""
    ) -> Iterator[Batch]:
        """Yield batches in the order of sealing, page by page."""
        wanted = {"channel": channel, "status": status}
        yield from (Batch.of(each) for each in self._items("settlement-batches", wanted))

    def batch(self, reference: str) -> Batch:
        """Return one batch."""
        return Batch.of(self._json("GET", f"settlement-batches/{reference}"))

    def claim(self, reference: str, *, lease_seconds: int) -> Claim:
        """Claim a batch or extend the claim on it."""
        answer = self._send(
            "POST", f"settlement-batches/{reference}/claims", json={"lease_seconds": lease_seconds}
        )
        said = _document(answer)
        return Claim(
            answer.status_code == httpx.codes.CREATED, tuple(said["recalled"]), said["recalled_count"]
        )

    def recalled(self, reference: str) -> Iterator[str]:
        """Yield every instruction of a batch that must not be done any more, in the order of its lines."""
        url = f"settlement-batches/{reference}/statuses"
        for each in self._items(url, {"limit": "1000"}):
            if each["recalled"]:
                yield each["record"] if "record" in each else each["instruction"]

    def release(self, reference: str) -> bool:
        """Give a claim back; return whether there was one."""
        return bool(self._json("DELETE", f"settlement-batches/{reference}/claims")["released"])

    def content(self, batch: Batch, *, start: int = 0) -> Iterator[bytes]:
        """Yield the canonical bytes of a batch from an offset on, as they arrive."""
        headers = {"Accept": NDJSON, "Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": f'"{batch.sha256}"'}
        url = f"settlement-batches/{batch.id}/instructions"
        with self._http.stream("GET", url, headers=headers) as answer:
            if answer.is_error:
                answer.read()
                raise Problem(answer)
            skip = 0 if answer.status_code == httpx.codes.PARTIAL_CONTENT else start
            for chunk in answer.iter_bytes(_CHUNK):
                yield chunk[skip:]
                skip = max(skip - len(chunk), 0)

    def acknowledge(self, reference: str, answers: Sequence[Answer], *, key: str) -> list[dict[str, Any]]:
        """Answer instructions of a claimed batch, at most MAX_ITEMS; return the results, one each, in order.

        The control totals are computed from the lines that are answered.
        """
        body = {
            "items": [_answer(each) for each in answers],
            "control_totals": {"count": len(answers), "totals": _totals(answers)},
        }
        url = f"settlement-batches/{reference}/acknowledgements"
        items: list[dict[str, Any]] = self._json("POST", url, json=body, key=key)["items"]
        return items

    def report(self, reports: Sequence[StatusReport], *, key: str = "") -> list[dict[str, Any]]:
        """Tell what became of instructions, at most MAX_ITEMS; return the results, one each, in order."""
        body = {"items": [_report(each) for each in reports]}
        items: list[dict[str, Any]] = self._json("POST", "settlement-status-reports", json=body, key=key)[
            "items"
        ]
        return items

    def _items(self, url: str, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, page by page. What is empty is not asked for."""
        cursor: str | None = ""
        while cursor is not None:
            parameters = {name: value for name, value in {**wanted, "cursor": cursor}.items() if value}
            page = self._json("GET", url, params=parameters)
            yield from page["items"]
            cursor = page["next"]

    def _json(self, method: str, url: str, *, key: str = "", **sent: Any) -> dict[str, Any]:
        return _document(self._send(method, url, key=key, **sent))

    def _send(self, method: str, url: str, *, key: str = "", **sent: Any) -> httpx.Response:
        headers = {} if method == "GET" else {"Idempotency-Key": key or uuid.uuid4().hex}
        answer = self._http.request(method, url, headers=headers, **sent)
        if answer.is_error:
            raise Problem(answer)
        return answer


def _document(response: httpx.Response) -> dict[str, Any]:
    """Return the object that an answer is, or nothing where a proxy answered with something else."""
    if "json" not in response.headers.get("Content-Type", ""):
        return {}
    found = response.json()
    return found if isinstance(found, dict) else {}


def _answer(answer: Answer) -> dict[str, str]:
    named = {"record" if answer.line.is_record else "instruction": answer.line.instruction}
    if answer.reason:
        return {**named, "status": "REJECTED", "reason": answer.reason}
    return {**named, "status": "ACCEPTED"}


def _totals(answers: Sequence[Answer]) -> dict[str, dict[str, str]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for each in answers:
        by_direction = sums.setdefault(each.line.asset, {})
        for direction, quantity in each.line.sums.items():
            by_direction[direction] = by_direction.get(direction, Decimal(0)) + quantity
    return {
        asset: {direction: f"{total:f}" for direction, total in by_direction.items()}
        for asset, by_direction in sums.items()
    }


def _report(report: StatusReport) -> dict[str, str]:
    said = {"instruction": report.instruction, "status": report.status, "reason": report.reason}
    if report.quantity is not None:
        said["quantity"] = f"{report.quantity:f}"
    return {name: value for name, value in said.items() if value}
