"""sese.023: securities to be delivered and received."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from settlement.formats._lines import NIL, cancellation, fits, giver_and_taker, is_bic, is_lei
from settlement.formats._xml import DECLARATION, amount, element, leaf, moment
from settlement.formats.base import Format, Line, Party, Refusal, Sealed, Ssi, Tally, Terms

_MESSAGE = "sese.023.002.11"
_ENVELOPE = "urn:middleoffice:settlement-batch:1"
_DIGITS = 14
_FACE_PLACES = 5
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_ACCOUNT = re.compile(r"[0-9a-zA-Z/\-?:().,'+ ]{1,35}")  # SWIFT's character set X
_NOT_X = re.compile(r"[^0-9a-zA-Z/\-?:().,'+ ]")
_SPACES = re.compile(r" {2,}")
_LONGEST_ID, _NAME = 16, 140


def transaction_id(reference: str) -> str:
    """Return an instruction's public id as the message can carry it: its character set has no underscore."""
    return reference.replace("_", "-")


def instruction_reference(text: str) -> str:
    """Return the public id of an instruction behind a transaction id."""
    return text.replace("-", "_")


def _in_set_x(name: str) -> str:
    """Return a name in the character set X: accents are dropped, what is not in it becomes a space."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    return _SPACES.sub(" ", _NOT_X.sub(" ", plain)).strip()[:_NAME].strip()


def _too_wide(line: Line) -> bool:
    places = _FACE_PLACES if line.terms is not None and line.terms.nominal else _DIGITS
    return not fits(line.quantity, digits=_DIGITS, places=places)


def _unnamed(line: Line) -> bool:
    return not is_bic(line.counterparty.bic) and not _in_set_x(line.counterparty.name)


_REFUSALS = (
    Refusal("not-a-security", "it delivers no security", lambda line: line.asset_kind != "SECURITY"),
    cancellation("sese.020"),
    NIL,
    Refusal("not-an-isin", "the instrument has no ISIN", lambda line: not _ISIN.fullmatch(line.asset)),
    Refusal(
        "depository-missing",
        "the counterparty's settlement instruction names no place of settlement by its BIC",
        lambda line: not is_bic(line.their_ssi.place_of_settlement),
    ),
    Refusal(
        "account-unwritable",
        "a safekeeping account has 1 to 35 characters of SWIFT's set X",
        lambda line: not all(_ACCOUNT.fullmatch(each.account) for each in (line.our_ssi, line.their_ssi)),
    ),
    Refusal(
        "counterparty-unnamed", "the counterparty has neither a BIC nor a name in SWIFT's set X", _unnamed
    ),
    Refusal(
        "quantity-too-wide",
        f"a quantity has at most {_DIGITS} digits, and a face amount {_FACE_PLACES} of them behind the point",
        _too_wide,
    ),
    Refusal(
        "amount-too-wide",
        f"an amount has at most {_DIGITS} digits",
        lambda line: (
            line.linked is not None and not fits(line.linked.quantity, digits=_DIGITS, places=_DIGITS)
        ),
    ),
    Refusal(
        "id-too-long",
        f"a transaction id has at most {_LONGEST_ID} characters",
        lambda line: len(line.instruction) > _LONGEST_ID,
    ),
)


def _head(sealed: Sealed, tally: Tally) -> str:
    return (
        f'{DECLARATION}<SettlementBatch xmlns="{_ENVELOPE}" id="{sealed.reference}" channel="{sealed.channel}"'
        f' value-date="{sealed.value_date}" sealed-at="{moment(sealed.sealed_at)}" sha256="{sealed.sha256}"'
        f' count="{tally.count}">\n'
    )


def _lines(lines: Sequence[Line]) -> str:
    return "".join(f"{_message(line)}\n" for line in lines)


def _message(line: Line) -> str:
    content = element(
        "SctiesSttlmTxInstr",
        leaf("TxId", transaction_id(line.instruction)),
        element(
            "SttlmTpAndAddtlParams",
            leaf("SctiesMvmntTp", "DELI" if line.direction == "DELIVER" else "RECE"),
            leaf("Pmt", "FREE" if line.linked is None else "APMT"),
            leaf("CmonId", transaction_id(line.linked.common_reference) if line.linked else None),
        ),
        *_shape(line),
        element(
            "TradDtls",
            _trade_date(line.terms),
            element("SttlmDt", element("Dt", leaf("Dt", line.value_date))),
        ),
        element("FinInstrmId", leaf("ISIN", line.asset)),
        element(
            "QtyAndAcctDtls",
            element("SttlmQty", element("Qty", leaf(_quantity(line), line.quantity))),
            element("SfkpgAcct", leaf("Id", line.our_ssi.account)),
        ),
        element("SttlmParams", element("SctiesTxTp", leaf("Cd", "TRAD" if line.legs == 1 else "NETT"))),
        _their_side(line),
        _payment(line),
    )
    return f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{_MESSAGE}">{content}</Document>'


def _shape(line: Line) -> tuple[str, ...]:
    """Return which message it is of how many that carry one net, and the pool that these are."""
    if line.shape is None:
        return ()
    count = element(
        "TtlNb", leaf("CurInstrNb", str(line.shape.number)), leaf("TtlOfLkdInstrs", str(line.shape.of))
    )
    pool = element("Ref", leaf("PoolId", transaction_id(line.shape.common_reference)))
    return element("NbCounts", count), element("Lnkgs", pool)


def _payment(line: Line) -> str:
    """Return what is paid against the delivery: who delivers is credited."""
    if line.linked is None:
        return ""
    return element(
        "SttlmAmt",
        amount("Amt", line.linked.quantity, line.linked.asset),
        leaf("CdtDbtInd", "CRDT" if line.direction == "DELIVER" else "DBIT"),
    )


def _quantity(line: Line) -> str:
    return "FaceAmt" if line.terms is not None and line.terms.nominal else "Unit"


def _trade_date(terms: Terms | None) -> str:
    if terms is None:
        return ""
    if terms.first_trade_date == terms.last_trade_date:
        return element("TradDt", element("Dt", leaf("Dt", terms.first_trade_date.isoformat())))
    return element("TradDt", element("DtCd", leaf("Cd", "VARI")))


def _their_side(line: Line) -> str:
    """Return the chain on the other side: the depository, then its participant, then whom that acts for."""
    (giver, _), _ = giver_and_taker(line)
    name = "DlvrgSttlmPties" if giver is line.counterparty else "RcvgSttlmPties"
    party, ssi = line.counterparty, line.their_ssi
    depository = element("Dpstry", element("Id", leaf("AnyBIC", ssi.place_of_settlement)))
    if not is_bic(ssi.agent_bic):
        return element(name, depository, element("Pty1", _party(party), _account(ssi)))
    agent = element("Pty1", element("Id", leaf("AnyBIC", ssi.agent_bic)))
    return element(name, depository, agent, element("Pty2", _party(party), _account(ssi)))


def _party(party: Party) -> str:
    by_name = element("NmAndAdr", leaf("Nm", _in_set_x(party.name)))
    return element("Id", leaf("AnyBIC", party.bic) if is_bic(party.bic) else by_name) + leaf(
        "LEI", party.lei if is_lei(party.lei) else None
    )


def _account(ssi: Ssi) -> str:
    return element("SfkpgAcct", leaf("Id", ssi.account))


SESE_023 = Format(
    code="sese.023",
    title="Securities settlement transaction instruction",
    standard=f"ISO 20022 {_MESSAGE}",
    media_type="application/vnd.iso20022.sese.023+xml",
    extension="sese.023.xml",
    description=(
        "Securities to be delivered and received, a whole message for each line, one on each row of the file, in one"
        f" element `SettlementBatch` of the namespace `{_ENVELOPE}` that says how many they are. What settles against"
        " payment says the amount; the rest is free of payment, its money goes by the channel CASH by itself."
    ),
    fields=(
        ("`TxId`", "the instruction, with a hyphen in place of the underscore: `ins-…`"),
        ("`SttlmTpAndAddtlParams/SctiesMvmntTp`", "`direction`: DELI or RECE"),
        ("`SttlmTpAndAddtlParams/Pmt`", "APMT where `settlement_type` is DVP, else FREE"),
        ("`SttlmTpAndAddtlParams/CmonId`", "of DVP `linked.common_reference`, written like `TxId`"),
        ("`NbCounts/TtlNb`", "of a net over the maximum size `shape.number` and `shape.of`"),
        ("`Lnkgs/Ref/PoolId`", "and `shape.common_reference`, written like `TxId`"),
        ("`TradDtls/TradDt`", "the trade date; VARI where trades of several dates are netted in it"),
        ("`TradDtls/SttlmDt`", "`value_date`"),
        ("`FinInstrmId/ISIN`", "`asset`"),
        ("`QtyAndAcctDtls/SttlmQty`", "`quantity`: a face amount of a bond, else units"),
        ("`QtyAndAcctDtls/SfkpgAcct`", "`our_ssi.account`"),
        ("`SttlmParams/SctiesTxTp`", "TRAD; NETT where several legs are netted in it"),
        ("`RcvgSttlmPties` or `DlvrgSttlmPties`", "the counterparty's side, by `direction`"),
        ("`…/Dpstry`", "`their_ssi.place_of_settlement`"),
        ("`…/Pty1`", "`their_ssi.agent_bic`; without an agent the counterparty itself"),
        (
            "`…/Pty2`",
            "`counterparty` behind its agent: its BIC, else its name in SWIFT's character set X; its LEI",
        ),
        ("`…/SfkpgAcct`", "`their_ssi.account`, with the counterparty"),
        (
            "`SttlmAmt`",
            "of DVP `linked.quantity` with `linked.asset` as its `Ccy`; CRDT when we deliver, else DBIT",
        ),
    ),
    refusals=_REFUSALS,
    head=_head,
    lines=_lines,
    tail="</SettlementBatch>\n",
    needs_terms=True,
    revision=3,
)
