"""camt.053 of ISO 20022, a bank's statement: booked entries, with the balances before and after them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from core.http.problem import Fault, unreadable
from core.xml import Element, child, children, name_of, namespace_of, parse_xml, path_of, text_of
from ledger.formats.base import Found, Raw, StatementFormat
from ledger.kinds.base import Kind

MAX_BYTES = 64 * 1024 * 1024
_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.[0-9]{2}")
_BALANCES = {"OPBD": "OPENING", "PRCD": "OPENING", "CLBD": "CLOSING"}
_BOOKED = ("BOOK", "")  # what is pending, or only told, is in no balance
_REFERENCES = ("EndToEndId", "InstrId", "TxId", "AcctSvcrRef")
_NOTHING = "NOTPROVIDED"


def _read(body: bytes, kind: Kind) -> Found:
    root = parse_xml(body, most=MAX_BYTES)
    if name_of(root) != "Document" or not _NAMESPACE.fullmatch(namespace_of(root)):
        raise unreadable([Fault("", "A Document of camt.053 is expected.", "unknown")])
    message = child(root, "BkToCstmrStmt")
    statements = [] if message is None else children(message, "Stmt")
    if not statements:
        raise unreadable([Fault("/BkToCstmrStmt/Stmt", "A statement is missing.", "missing")])
    found = Found(())
    lines: list[Raw] = []
    days: set[date] = set()
    for statement in statements:
        account = text_of(statement, "Acct/Id/IBAN") or text_of(statement, "Acct/Id/Othr/Id")
        lines += _balances(statement, account, days, found)
        lines += _entries(statement, account, len(lines))
    found.lines = lines
    if len(days) > 1:
        found.faults.append(Fault("", "All statements of a file are of one day.", "days"))
    found.business_date = days.pop() if len(days) == 1 else None
    return found


def _balances(statement: Element, account: str, days: set[date], found: Found) -> Iterator[Raw]:
    told: dict[str, str] = {}
    for balance in children(statement, "Bal"):
        code = text_of(balance, "Tp/CdOrPrtry/Cd")
        entry = _BALANCES.get(code)
        if entry is None or told.get(entry, code) != code:  # PRCD repeats OPBD where both stand
            continue
        told[entry] = code
        yield Raw(path_of(balance), 0, _amount(balance, account), entry)
        if entry == "CLOSING":
            said = text_of(balance, "Dt/Dt") or text_of(balance, "Dt/DtTm")[:10]
            try:
                days.add(date.fromisoformat(said))
            except ValueError:
                found.faults.append(Fault(f"{path_of(balance)}/Dt", "A date such as 2026-11-23.", "type"))
    for entry in ("OPENING", "CLOSING"):
        if entry not in told:
            found.faults.append(
                Fault(f"{path_of(statement)}/Bal", f"The {entry.lower()} balance is missing.", "missing")
            )


def _entries(statement: Element, account: str, before: int) -> Iterator[Raw]:
    number = before
    for entry in children(statement, "Ntry"):
        if (text_of(entry, "Sts/Cd") or text_of(entry, "Sts")) not in _BOOKED:
            continue
        day = text_of(entry, "ValDt/Dt") or text_of(entry, "BookgDt/Dt")
        day = day or (text_of(entry, "ValDt/DtTm") or text_of(entry, "BookgDt/DtTm"))[:10]
        for part in _parts(entry):
            number += 1
            source = entry if part is None else part
            values = {
                **_amount(entry, account),
                "value_date": day,
                "reference": _reference(source) or _reference(entry),
            }
            if part is not None:
                values["amount"] = _signed(_part_amount(part), entry)
            yield Raw(path_of(source), number, values)


def _parts(entry: Element) -> list[Element | None]:
    """Return the transactions of an entry that books several at once, when their amounts make up its own; else one
    None, for the entry as a whole, or its only transaction's references."""
    details = child(entry, "NtryDtls")
    parts = [] if details is None else children(details, "TxDtls")
    try:
        amounts = [Decimal(_part_amount(each)) for each in parts]
        whole = Decimal(text_of(entry, "Amt"))
    except InvalidOperation:
        return [None]
    return list(parts) if len(parts) > 1 and sum(amounts) == whole else [None]


def _part_amount(part: Element) -> str:
    return text_of(part, "Amt") or text_of(part, "AmtDtls/TxAmt/Amt")


def _reference(element: Element) -> str:
    for path in ("Refs", "NtryDtls/TxDtls/Refs"):
        for name in _REFERENCES:
            found = text_of(element, f"{path}/{name}")
            if found and found != _NOTHING:
                return found
    return text_of(element, "AcctSvcrRef")


def _amount(element: Element, account: str) -> dict[str, str | None]:
    amount = child(element, "Amt")
    currency = "" if amount is None else amount.get("Ccy", "")
    return {
        "account": account,
        "currency": currency,
        "amount": _signed(text_of(element, "Amt"), element),
    }


def _signed(amount: str, element: Element) -> str:
    return f"-{amount}" if amount and text_of(element, "CdtDbtInd") == "DBIT" else amount


CAMT_053 = StatementFormat(
    code="CAMT_053",
    title="camt.053",
    media_types=("application/xml", "text/xml"),
    read=_read,
    kinds=("CASH",),
)
