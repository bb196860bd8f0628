"""pacs.008: what is paid to customers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lxml import etree

from core.http.problem import Problem
from refdata.models import Party
from tests.settlement.formats.support import exported, firm, needs_schemas, read, validate
from tests.settlement.support import batch_of, instruction_ids, ref, seal, validated
from tests.support.factories import equity, goods

pytestmark = pytest.mark.django_db


@needs_schemas
def test_what_a_customer_is_paid_is_a_valid_message_with_shared_charges():
    made = firm()
    Party.objects.filter(id=made.customer.id).update(name="Mug & Towel Ltd")
    validated(goods(side="BUY"))
    seal()
    content = exported(batch_of("CASH"), "pacs.008")
    (instruction_id,) = instruction_ids(batch_of("CASH"))
    root = etree.fromstring(content)

    assert validate("pacs.008", content) == 1
    assert read("pacs.008", content) == [(ref(instruction_id), "EUR", "DELIVER", Decimal("96.00"))]
    assert root.findtext(".//{*}ChrgBr") == "SHAR"
    assert root.findtext(".//{*}Cdtr/{*}Nm") == "Mug & Towel Ltd"
    assert root.findtext(".//{*}CdtrAcct//{*}IBAN") == "DE89370400440532013000"
    assert root.findtext(".//{*}Dbtr//{*}AnyBIC") == "OURSDEFF"


def test_what_an_institution_is_paid_is_refused_by_name():
    firm()
    validated(equity())
    seal()
    with pytest.raises(Problem) as caught:
        exported(batch_of("CASH"), "pacs.008")
    assert [(each.pointer, each.code) for each in caught.value.faults] == [("/lines/1", "to-an-institution")]
