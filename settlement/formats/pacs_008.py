"""pacs.008: what we pay to customers."""

from __future__ import annotations

from settlement.formats import _payments
from settlement.formats._lines import is_bic
from settlement.formats.base import Format, Refusal

_ROOT = "FIToFICstmrCdtTrf"
_SHARED = "SHAR"  # each side pays its own agent's charges

PACS_008 = Format(
    code="pacs.008",
    title="Customer credit transfer",
    standard="ISO 20022 pacs.008.001.08",
    media_type="application/vnd.iso20022.pacs.008+xml",
    extension="pacs.008.xml",
    description=(
        "What we pay to customers, one message for the batch with a transfer for each line. A counterparty without a"
        " BIC of its own is a customer; one with a BIC is an institution, and its payment is a [pacs.009](pacs.009.md)."
    ),
    fields=(
        *_payments.FIELDS,
        ("`ChrgBr`", "SHAR: each side bears the charges of its own agent"),
    ),
    refusals=(
        *_payments.REFUSALS,
        Refusal(
            "to-an-institution",
            "the counterparty has a BIC of its own, so that it is an institution, which is paid by a pacs.009",
            lambda line: is_bic(line.counterparty.bic),
        ),
    ),
    head=_payments.head("pacs.008.001.08", _ROOT),
    lines=_payments.transfers(_payments.organisation, _payments.organisation, charges=_SHARED),
    tail=_payments.tail(_ROOT),
)
