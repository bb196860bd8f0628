"""A firm that has all that messages ask for, the formats of its batches, and readers that know nothing of the writers.

The schemas of ISO 20022 lie beside the project, not in it; without them the tests that need them are skipped.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from core.ids import BATCH, public_id
from refdata.models import Party, Ssi
from settlement.formats import FORMATS
from settlement.selectors import read_batch
from settlement.services.exports import export_batch
from tests.support.factories import World, bund, party, rate, world

SCHEMAS = Path(__file__).parents[4] / "shared" / "data" / "iso20022"
MESSAGES = {
    "sese.023": "sese.023.002.11",
    "pacs.008": "pacs.008.001.08",
    "pacs.009": "pacs.009.001.08",
}
BROKER_BIC, OUR_BIC = "BROKUS33XXX", "OURSDEFF"
needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(), reason=f"the schemas of ISO 20022 are not in {SCHEMAS}"
)
_CASH = {"EUR": "DE89370400440532013000", "USD": "USD-0001", "GBP": "GB29NWBK60161331926819", "JPY": "JPY 7"}


def firm() -> World:
    """Store reference data with which every line that has a message can be written as one."""
    made = world()
    bund()
    rate("CHF", "1.05")
    for each, bic in ((made.ours, OUR_BIC), (made.broker, BROKER_BIC), (made.customer, None)):
        Party.objects.filter(id=each.id).update(bic=bic)
        _complete(each)
    return made


def trader(code: str, *, bic: str | None = None, netting: bool = True, **fields: Any) -> Party:
    """Store a further counterparty that settles everything."""
    made = party(code, bic=bic, netting=netting, **fields)
    _complete(made)
    return made


def _complete(owner: Party) -> None:
    for currency, account in _CASH.items():
        Ssi.objects.filter(party=owner, kind="CASH", key=currency).update(
            account=account, agent_bic="CORRDE2X"
        )
    Ssi.objects.filter(party=owner, kind="SECURITY").update(
        account="SAFE/4711", agent_bic="CUSTUS2XNYC", place_of_settlement="DTCYUS33"
    )


def exported(batch_id: int, code: str, *, carried_only: bool = False) -> bytes:
    """Return a batch in a format."""
    row = read_batch(batch_id)
    assert row is not None
    return b"".join(export_batch(batch=row, format=FORMATS[code], carried_only=carried_only))


def documents(code: str, content: bytes) -> list[Any]:
    """Return the messages of a file, read by lxml."""
    root = etree.fromstring(content)
    if etree.QName(root).localname == "Document":
        return [root]
    found = [each for each in root if etree.QName(each).localname == "Document"]
    assert len(found) == int(root.get("count"))
    return found


def validate(code: str, content: bytes) -> int:
    """Assert that every message of a file is valid; return how many there are."""
    schema = etree.XMLSchema(file=str(SCHEMAS / f"{MESSAGES[code]}.xsd"))
    found = documents(code, content)
    for document in found:
        alone = etree.fromstring(etree.tostring(document))
        assert schema.validate(alone), schema.error_log
    return len(found)


def read(code: str, content: bytes) -> list[tuple[str, str, str, Decimal]]:
    """Return (instruction, asset, direction, quantity) of each line of a file."""
    return list(_READERS[code](content))


def totals(lines: list[tuple[str, str, str, Decimal]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return control totals as a batch has them, of lines that were read."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for _, asset, direction, quantity in lines:
        total = found.setdefault(asset, {}).setdefault(direction, {"count": 0, "sum": Decimal(0)})
        total["count"] += 1
        total["sum"] += quantity
    return found


def sealed_totals(control: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return a batch's own control totals with sums as numbers."""
    return {
        asset: {
            direction: {"count": each["count"], "sum": Decimal(each["sum"])}
            for direction, each in by_direction.items()
        }
        for asset, by_direction in control.items()
    }


def path(batch_id: int) -> str:
    """Return where a batch's instructions are, below the API's root."""
    return f"settlement-batches/{public_id(BATCH, batch_id)}/instructions"


def _read_ndjson(content: bytes) -> Iterator[tuple[str, str, str, Decimal]]:
    for line in content.split(b"\n")[:-1]:
        row = json.loads(line)
        yield row["instruction"], row["asset"], row["direction"], Decimal(row["quantity"])


def _read_csv(content: bytes) -> Iterator[tuple[str, str, str, Decimal]]:
    for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
        yield row["instruction"], row["asset"], row["direction"], Decimal(row["quantity"])


def _read_pacs(content: bytes) -> Iterator[tuple[str, str, str, Decimal]]:
    root = etree.fromstring(content)
    for transfer in root.iter("{*}CdtTrfTxInf"):
        amount = transfer.find("{*}IntrBkSttlmAmt")
        yield transfer.findtext("{*}PmtId/{*}TxId"), amount.get("Ccy"), "DELIVER", Decimal(amount.text)
    assert int(root.findtext(".//{*}NbOfTxs")) == len(root.findall(".//{*}CdtTrfTxInf"))


def _read_sese(content: bytes) -> Iterator[tuple[str, str, str, Decimal]]:
    for document in documents("sese.023", content):
        message = document[0]
        quantity = message.find(".//{*}SttlmQty/{*}Qty")[0].text
        movement = {"DELI": "DELIVER", "RECE": "RECEIVE"}[message.findtext(".//{*}SctiesMvmntTp")]
        reference = message.findtext("{*}TxId").replace("-", "_")
        yield reference, message.findtext(".//{*}ISIN"), movement, Decimal(quantity)


_READERS = {
    "ndjson": _read_ndjson,
    "csv": _read_csv,
    "pacs.008": _read_pacs,
    "pacs.009": _read_pacs,
    "sese.023": _read_sese,
}
