"""pacs.009: what we pay to financial institutions."""

from __future__ import annotations

from settlement.formats import _payments
from settlement.formats._lines import is_bic
from settlement.formats.base import Format, Refusal

_ROOT = "FICdtTrf"

PACS_009 = Format(
    code="pacs.009",
    title="Financial institution credit transfer",
    standard="ISO 20022 pacs.009.001.08",
    media_type="application/vnd.iso20022.pacs.009+xml",
    extension="pacs.009.xml",
    description=(
        "What we pay to institutions, one message for the batch with a transfer for each line. A counterparty with a"
        " BIC of its own is an institution; one without is a customer, and its payment is a"
        " [pacs.008](pacs.008.md)."
    ),
    fields=_payments.FIELDS,
    refusals=(
        *_payments.REFUSALS,
        Refusal(
            "to-a-customer",
            "the counterparty has no BIC of its own, so that it is a customer, who is paid by a pacs.008",
            lambda line: not is_bic(line.counterparty.bic),
        ),
    ),
    head=_payments.head("pacs.009.001.08", _ROOT),
    lines=_payments.transfers(_payments.bank, _payments.bank),
    tail=_payments.tail(_ROOT),
)
