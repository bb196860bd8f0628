"""sese.024: processing, matching and settlement of a securities instruction."""

from __future__ import annotations

import pytest

from core.http.problem import Problem
from tests.settlement.messages.support import advice, assert_valid, document, said

LACK = "<Rsn><Cd><Cd>LACK</Cd></Cd></Rsn>"


def test_each_axis_is_a_report_of_its_own_with_every_reason():
    message = advice(
        41,
        PrcgSts="<AckdAccptd><NoSpcfdRsn>NORE</NoSpcfdRsn></AckdAccptd>",
        MtchgSts="<Umtchd><Rsn><Cd><Cd>DQUA</Cd></Cd></Rsn><Rsn><Cd><Cd>DDAT</Cd></Cd></Rsn></Umtchd>",
        SttlmSts=f"<Flng>{LACK}<Rsn><Cd><Prtry><Id>OWN1</Id><Issr>CSDX</Issr></Prtry></Cd></Rsn></Flng>",
    )
    assert_valid("sese.024", message)
    assert [each[:3] for each in said(message)] == [
        (41, "PENDING", "NORE"),
        (41, "UNMATCHED", "DQUA"),
        (41, "UNMATCHED", "DDAT"),
        (41, "FAILED", "LACK"),
        (41, "FAILED", "OWN1"),
    ]


@pytest.mark.parametrize(
    ("axis", "status", "kind"),
    [
        ("PrcgSts", "<Rjctd><Rsn><Cd><Cd>SAFE</Cd></Cd></Rsn></Rjctd>", ("FAILED", "SAFE")),
        ("PrcgSts", "<Canc><Rsn><Cd><Cd>CANI</Cd></Cd></Rsn></Canc>", ("CANCELLATION_COMPLETED", "CANI")),
        ("PrcgSts", "<PdgCxl><NoSpcfdRsn>NORE</NoSpcfdRsn></PdgCxl>", ("CANCELLATION_PENDING", "NORE")),
        ("PrcgSts", "<CxlReqd/>", ("CANCELLATION_REQUESTED", "")),
        ("MtchgSts", "<Mtchd/>", ("MATCHED", "")),
        ("IfrrdMtchgSts", "<Mtchd/>", ("MATCHED", "")),
        ("SttlmSts", f"<Pdg>{LACK}</Pdg>", ("PENDING", "LACK")),
        ("SttlmSts", "<Flng><NoSpcfdRsn>NORE</NoSpcfdRsn></Flng>", ("FAILED", "NORE")),
    ],
)
def test_each_status_has_its_meaning(axis, status, kind):
    message = advice(41, **{axis: status})
    assert_valid("sese.024", message)
    assert [each[1:3] for each in said(message)] == [kind]


@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        (advice(41), "/Document/SctiesSttlmTxStsAdvc"),
        (advice(41, MtchgSts="<Mtched/>"), "/Document/SctiesSttlmTxStsAdvc/MtchgSts/Mtched"),
        (
            advice(41, MtchgSts="<Mtchd/>").replace("ins-", "trd-"),
            "/Document/SctiesSttlmTxStsAdvc/TxId/AcctOwnrTxId",
        ),
        (document("sese.024", "<SctiesSttlmTxStsAdvc/>"), "/Document/SctiesSttlmTxStsAdvc"),
    ],
)
def test_what_cannot_be_read_is_named_by_where_it_stands(message, pointer):
    with pytest.raises(Problem) as caught:
        said(message)
    assert caught.value.status == 400
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
