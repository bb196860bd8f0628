"""BAD_IDENTIFIER holds an unknown ISIN or LEI whose check digits are wrong."""

import pytest

from tests.support.factories import equity, instrument, party, told_of, world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("field", "reference", "scheme"),
    [
        ("instrument", "US0378331006", "ISIN"),
        ("instrument", "DE0007164601", "ISIN"),
        ("counterparty", "529900T8BM49AURSDO56", "LEI"),
    ],
)
def test_a_wrong_check_digit_is_told_beside_the_unknown_reference(field, reference, scheme):
    world()
    told = told_of(equity(**{field: reference}))
    assert told["BAD_IDENTIFIER"] == (
        "BLOCK", field, f"a valid {scheme}", reference,
        f"{reference} is not a valid {scheme}: its check digit is wrong.",
    )  # fmt: skip
    assert {"UNKNOWN_INSTRUMENT", "UNKNOWN_PARTY"} & set(told)


@pytest.mark.parametrize(
    ("field", "reference"),
    [("instrument", "GB0002634946"), ("counterparty", "HWUPKR0MPOU8FGXBT394"), ("instrument", "ACME"),
     ("counterparty", "ACME"), ("instrument", "us0378331006")],
)  # fmt: skip
def test_a_right_check_digit_is_withdrawn_and_other_codes_are_no_identifiers(field, reference):
    world()
    assert "BAD_IDENTIFIER" not in told_of(equity(**{field: reference}))


def test_a_reference_that_is_known_is_not_judged():
    world()
    instrument("US0378331006")
    party("529900T8BM49AURSDO56")
    assert told_of(equity(instrument="US0378331006", counterparty="529900T8BM49AURSDO56")) == {}
