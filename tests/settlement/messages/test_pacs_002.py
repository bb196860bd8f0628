"""pacs.002: how payments stand."""

from __future__ import annotations

import pytest

from core.http.problem import Problem
from tests.settlement.messages.support import document, payment_status, said


def test_each_transaction_is_a_report_with_its_reason():
    message = payment_status(
        (41, "ACSC", ""), (42, "RJCT", "AC04"), (43, "ACSP", ""), (44, "RJCT", ""), (45, "CANC", "CUST")
    )
    assert [each[:3] for each in said(message)] == [
        (41, "SETTLED", ""),
        (42, "FAILED", "AC04"),
        (43, "PENDING", ""),
        (44, "FAILED", "NORE"),
        (45, "CANCELLATION_COMPLETED", "CUST"),
    ]


def test_what_cannot_be_read_is_named_by_where_it_stands():
    with pytest.raises(Problem) as caught:
        said(payment_status((41, "ACSC", ""), (42, "DONE", "")).replace("ins_", "inx_", 2))
    assert [fault.pointer for fault in caught.value.faults] == [
        "/Document/FIToFIPmtStsRpt/TxInfAndSts/0/OrgnlTxId",
        "/Document/FIToFIPmtStsRpt/TxInfAndSts/1/TxSts",
    ]


def test_a_status_of_a_group_alone_is_refused():
    with pytest.raises(Problem) as caught:
        said(document("pacs.002", "<FIToFIPmtStsRpt><OrgnlGrpInfAndSts/></FIToFIPmtStsRpt>"))
    assert [fault.code for fault in caught.value.faults] == ["missing"]
