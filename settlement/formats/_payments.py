"""What the two credit transfers of ISO 20022 have in common: pacs.009 between institutions, pacs.008 to a customer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from stdnum import iban

from settlement.formats._lines import NIL, cancellation, fits, is_bic, is_lei
from settlement.formats._xml import DECLARATION, amount, element, leaf, moment, one_line
from settlement.formats.base import Line, Party, Refusal, Sealed, Tally

_DIGITS, _PLACES = 18, 5
_ACCOUNT = re.compile(r"[!-~]([ -~]{0,32}[!-~])?")
_NAME = 140


def _unnamed(party: Party) -> bool:
    return not (is_bic(party.bic) or is_lei(party.lei) or one_line(party.name, most=_NAME))


REFUSALS = (
    Refusal("not-cash", "it delivers no money", lambda line: line.asset_kind != "CASH"),
    cancellation("camt.056"),
    NIL,
    Refusal(
        "against-delivery",
        "it is paid by the settlement of the security that it is linked to",
        lambda line: line.linked is not None,
    ),
    Refusal(
        "incoming",
        "the money comes in, so that the counterparty orders it; a camt.057 would announce it",
        lambda line: line.direction == "RECEIVE",
    ),
    Refusal(
        "agent-missing",
        "a credit transfer needs the BIC of both agents",
        lambda line: not (is_bic(line.our_ssi.agent_bic) and is_bic(line.their_ssi.agent_bic)),
    ),
    Refusal(
        "account-unwritable",
        "an account has 1 to 34 printable characters of ASCII",
        lambda line: not all(_ACCOUNT.fullmatch(each.account) for each in (line.our_ssi, line.their_ssi)),
    ),
    Refusal(
        "party-unnamed",
        "a party has neither a BIC nor an LEI nor a name",
        lambda line: _unnamed(line.entity) or _unnamed(line.counterparty),
    ),
    Refusal(
        "amount-too-wide",
        f"an amount has at most {_DIGITS} digits, {_PLACES} of them behind the point",
        lambda line: not fits(line.quantity, digits=_DIGITS, places=_PLACES),
    ),
)
FIELDS = (
    ("`GrpHdr/MsgId`", "the batch"),
    ("`GrpHdr/CreDtTm`", "when it was sealed"),
    ("`GrpHdr/NbOfTxs`, `GrpHdr/CtrlSum`", "how many payments the file has, and the sum of their amounts"),
    ("`GrpHdr/TtlIntrBkSttlmAmt`", "the same sum with its currency, where all of them have one"),
    ("`GrpHdr/SttlmInf/SttlmMtd`", "INDA: our agent settles, on the account that it keeps for us"),
    ("`PmtId/InstrId`, `PmtId/EndToEndId`, `PmtId/TxId`", "the instruction"),
    ("`IntrBkSttlmAmt`", "`quantity`, with `asset` as its `Ccy`"),
    ("`IntrBkSttlmDt`", "`value_date`"),
    ("`InstgAgt`", "our legal entity, when it has a BIC"),
    ("`InstdAgt`, `DbtrAgt`", "`our_ssi.agent_bic`"),
    ("`Dbtr`", "`entity`: BIC, LEI and name"),
    ("`DbtrAcct`", "`our_ssi.account`: as an IBAN when it is one"),
    ("`CdtrAgt`", "`their_ssi.agent_bic`"),
    ("`Cdtr`", "`counterparty`: BIC, LEI and name"),
    ("`CdtrAcct`", "`their_ssi.account`: as an IBAN when it is one"),
)


def head(message: str, root: str) -> Callable[[Sealed, Tally], str]:
    """Return what begins a message: its root element and group header."""

    def begin(sealed: Sealed, tally: Tally) -> str:
        header = element(
            "GrpHdr",
            leaf("MsgId", sealed.reference),
            leaf("CreDtTm", moment(sealed.sealed_at)),
            leaf("NbOfTxs", str(tally.count)),
            _sums(tally),
            element("SttlmInf", leaf("SttlmMtd", "INDA")),
        )
        return f'{DECLARATION}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message}"><{root}>{header}\n'

    return begin


def tail(root: str) -> str:
    """Return what ends a message."""
    return f"</{root}></Document>\n"


def _sums(tally: Tally) -> str:
    """Return the control sum and, of one currency, the total; neither where the schema has no room for it."""
    by_currency = {asset: sum(found.values(), Decimal(0)) for asset, found in tally.totals.items()}
    total = f"{sum(by_currency.values(), Decimal(0)):f}"
    if not fits(total, digits=_DIGITS, places=_PLACES):
        return ""
    one = next(iter(by_currency)) if len(by_currency) == 1 else None
    return leaf("CtrlSum", total) + (amount("TtlIntrBkSttlmAmt", total, one) if one else "")


def transfers(
    debtor: Callable[[Party], str], creditor: Callable[[Party], str], *, charges: str = ""
) -> Callable[[Sequence[Line]], str]:
    """Return what writes credit transfers. debtor, creditor: the content of `Dbtr` and `Cdtr`; charges: `ChrgBr`."""

    def write(lines: Sequence[Line]) -> str:
        return "".join(f"{_transfer(line, debtor, creditor, charges)}\n" for line in lines)

    return write


def _transfer(
    line: Line, debtor: Callable[[Party], str], creditor: Callable[[Party], str], charges: str
) -> str:
    ours, theirs = line.our_ssi, line.their_ssi
    we = institution(bic=line.entity.bic) if is_bic(line.entity.bic) else ""
    return element(
        "CdtTrfTxInf",
        element("PmtId", *(leaf(name, line.instruction) for name in ("InstrId", "EndToEndId", "TxId"))),
        amount("IntrBkSttlmAmt", line.quantity, line.asset),
        leaf("IntrBkSttlmDt", line.value_date),
        leaf("ChrgBr", charges),
        element("InstgAgt", we),
        element("InstdAgt", institution(bic=ours.agent_bic)),
        element("Dbtr", debtor(line.entity)),
        _account("DbtrAcct", ours.account),
        element("DbtrAgt", institution(bic=ours.agent_bic)),
        element("CdtrAgt", institution(bic=theirs.agent_bic)),
        element("Cdtr", creditor(line.counterparty)),
        _account("CdtrAcct", theirs.account),
    )


def _account(name: str, account: str) -> str:
    known = iban.is_valid(account) and iban.compact(account) == account
    return element(
        name, element("Id", leaf("IBAN", account) if known else element("Othr", leaf("Id", account)))
    )


def institution(*, bic: str | None, lei: str | None = None, name: str = "") -> str:
    """Return a financial institution (FinancialInstitutionIdentification18)."""
    return element(
        "FinInstnId",
        leaf("BICFI", bic if is_bic(bic) else None),
        leaf("LEI", lei if is_lei(lei) else None),
        leaf("Nm", one_line(name, most=_NAME)),
    )


def organisation(party: Party) -> str:
    """Return an organisation (PartyIdentification135): its name, its BIC and LEI."""
    known = leaf("AnyBIC", party.bic if is_bic(party.bic) else None) + leaf(
        "LEI", party.lei if is_lei(party.lei) else None
    )
    return leaf("Nm", one_line(party.name, most=_NAME)) + element("Id", element("OrgId", known))


def bank(party: Party) -> str:
    """Return a party that is a financial institution."""
    return institution(bic=party.bic, lei=party.lei, name=party.name)
