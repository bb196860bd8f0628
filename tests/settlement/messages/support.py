"""Status messages as a back office writes them, and what is read from them."""

from __future__ import annotations

from decimal import Decimal

from lxml import etree

from settlement.api.xml import read_messages
from settlement.services.report import Report
from tests.settlement.formats.support import SCHEMAS
from tests.settlement.support import ref

VERSIONS = {"sese.024": "sese.024.002.12", "sese.025": "sese.025.002.11", "pacs.002": "pacs.002.001.10"}
Said = tuple[int, str, str, Decimal | None]


def document(code: str, content: str) -> str:
    """Return a message around its content."""
    return f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{VERSIONS[code]}">{content}</Document>'


def advice(instruction_id: int, **statuses: str) -> str:
    """Return a sese.024 about an instruction: `PrcgSts`, `MtchgSts`, `SttlmSts` by their content."""
    said = "".join(f"<{name}>{content}</{name}>" for name, content in statuses.items())
    reference = ref(instruction_id).replace("_", "-")
    transaction = f"<TxId><AcctOwnrTxId>{reference}</AcctOwnrTxId></TxId>"
    return document("sese.024", f"<SctiesSttlmTxStsAdvc>{transaction}{said}</SctiesSttlmTxStsAdvc>")


def confirmation(instruction_id: int, settled: str, *, before: str = "", left: str = "") -> str:
    """Return a sese.025 about an instruction over a quantity of units."""
    reference = ref(instruction_id).replace("_", "-")
    earlier = f"<PrevslySttldQty><Unit>{before}</Unit></PrevslySttldQty>" if before else ""
    if left:
        earlier += f"<RmngToBeSttldQty><Unit>{left}</Unit></RmngToBeSttldQty>"
    return document(
        "sese.025",
        f"<SctiesSttlmTxConf><TxIdDtls><AcctOwnrTxId>{reference}</AcctOwnrTxId><SctiesMvmntTp>DELI</SctiesMvmntTp>"
        "<Pmt>FREE</Pmt></TxIdDtls><TradDtls><FctvSttlmDt><Dt><Dt>2026-11-25</Dt></Dt></FctvSttlmDt></TradDtls>"
        "<FinInstrmId><ISIN>US0378331005</ISIN></FinInstrmId>"
        f"<QtyAndAcctDtls><SttldQty><Qty><Unit>{settled}</Unit></Qty></SttldQty>{earlier}</QtyAndAcctDtls>"
        "<SttlmParams><SctiesTxTp><Cd>TRAD</Cd></SctiesTxTp></SttlmParams></SctiesSttlmTxConf>",
    )


def payment_status(*said: tuple[int, str, str]) -> str:
    """Return a pacs.002 of (instruction, status, reason code or nothing)."""
    transactions = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{ref(each)}</OrgnlEndToEndId><OrgnlTxId>{ref(each)}</OrgnlTxId>"
        f"<TxSts>{status}</TxSts>"
        + (f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else "")
        + "</TxInfAndSts>"
        for each, status, reason in said
    )
    return document("pacs.002", f"<FIToFIPmtStsRpt>{transactions}</FIToFIPmtStsRpt>")


def together(*documents: str) -> str:
    """Return several messages in one element."""
    return f"<Reports>{''.join(documents)}</Reports>"


def said(body: str) -> list[Said]:
    """Return what is read from a body."""
    return [_short(each) for each in read_messages(body.encode())]


def _short(report: Report) -> Said:
    return report.instruction_id, report.kind, report.reason, report.quantity


def assert_valid(code: str, message: str) -> None:
    """Assert that a message of these tests is one of the standard's, so that they test what is really sent."""
    if SCHEMAS.is_dir():
        schema = etree.XMLSchema(file=str(SCHEMAS / f"{VERSIONS[code]}.xsd"))
        assert schema.validate(etree.fromstring(message)), schema.error_log
