"""Of which deals a confirmation is demanded: what the most specific policy says, the party's before the product's."""

from __future__ import annotations


def demanded_sql(version: str, party: str) -> str:
    """Return SQL that is true where a deal must be confirmed, and null where no policy speaks of it.

    version: the name of a relation with a column product; party: that of one with the counterparty's `code`.
    """
    return f"""(
    SELECT y.demanded FROM trades_confirmation_policy y
    WHERE y.demanded IS NOT NULL AND y.product IN ('', {version}.product) AND y.party IN ('', {party}.code)
    ORDER BY y.party = '', y.product = '' LIMIT 1
)"""
