"""Statements for tests: small files of every kind, sent as somebody else would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from ledger.services.arrivals import receive_statement
from ledger.services.statements import Sent, Stored
from tests.support.records import CLERK, NOW, TODAY

ACCOUNT = "DE89370400440532013000"


def listed(
    kind: str, lines: Sequence[Mapping[str, str]], *, source: str = "BANK", day: date = TODAY, **how: Any
) -> Sent:
    """Return lines as a JSON file."""
    content = msgspec.json.encode({"lines": list(lines), **how.pop("document", {})})
    return Sent(kind, source, content, "application/json", day, **how)


def send(sent: Sent, *, now: datetime = NOW) -> Stored:
    return receive_statement(sent=sent, actor=CLERK, now=now)


def csv_file(text: str, *, kind: str = "CASH", day: date | None = TODAY, **how: Any) -> Sent:
    return Sent(kind, "BANK", text.encode(), "text/csv", day, **how)


def entry(
    amount: str, direction: str = "CRDT", *, reference: str = "", currency: str = "EUR", more: str = ""
) -> str:
    """Return a booked entry of camt.053 with one transaction."""
    refs = f"<Refs><EndToEndId>{reference}</EndToEndId></Refs>" if reference else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<ValDt><Dt>2026-11-23</Dt></ValDt><NtryDtls><TxDtls>{refs}</TxDtls>{more}</NtryDtls></Ntry>"
    )


def camt(*entries: str, opening: str = "0.00", closing: str = "0.00", day: str = "2026-11-23") -> Sent:
    """Return a bank's statement of one account in euro."""
    balances = "".join(
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{amount.lstrip('-')}</Amt>"
        f"<CdtDbtInd>{'DBIT' if amount.startswith('-') else 'CRDT'}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        for code, amount in (("OPBD", opening), ("CLBD", closing))
    )
    text = (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>'
        f"<Acct><Id><IBAN>{ACCOUNT}</IBAN></Id></Acct>{balances}{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    )
    return Sent("CASH", "BANK", text.encode(), "application/xml")
