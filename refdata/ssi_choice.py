"""Which SSI a leg settles by: the most specific one in force on its value date. This module alone decides it.

A row says what it is for: the currency of cash or the market of securities (`key`), and, where it is narrowed, the
book, product, market and currency of the trade; `*` stands for every one. Of the rows that fit, the one that names
the first of `PRECEDENCE` goes before all that do not, and so on. Two rows that name the same never hold on the same
day (the database refuses it), so that there is one choice, whatever the order of rows.

A need is a row with `party_id`, `asset_kind`, `ssi_key`, `product`, `currency`, `market`, `book` (a code) and
`value_date`. What is not known of a trade is an empty text, which only `*` fits.
"""

from __future__ import annotations

# The asset first: where a security or a currency can settle is a matter of its market, not of who holds it. The book
# comes before the product, because an account that was opened for a book is never used for another one.
PRECEDENCE = ("key", "book", "product", "market", "currency")
NARROWINGS = PRECEDENCE[1:]

_FIRST = ", ".join(f"(s.{name} <> '*') DESC" for name in PRECEDENCE)


def fits_sql(need: str) -> str:
    """Return the condition under which an SSI `s` can be chosen for a row of `need`."""
    narrowed = " AND ".join(f"s.{name} IN ({need}.{name}, '*')" for name in NARROWINGS)
    return f"""s.party_id = {need}.party_id AND s.kind = {need}.asset_kind AND s.key IN ({need}.ssi_key, '*')
          AND {narrowed}
          AND s.valid_from <= {need}.value_date AND (s.valid_to IS NULL OR s.valid_to >= {need}.value_date)"""


def chosen_sql(need: str) -> str:
    """Return a scalar subquery: the id of the SSI that is chosen for a row of `need`, null where none fits."""
    return f"(SELECT s.id FROM refdata_ssi s WHERE {fits_sql(need)} ORDER BY {_FIRST} LIMIT 1)"


# Parties with an SSI that is narrowed. All trades of the others that are alike in asset and day settle alike, which is
# what makes one look-up do for thousands of them.
_BROAD = " AND ".join(f"{name} = '*'" for name in NARROWINGS)
NARROWED = f"SELECT party_id FROM refdata_ssi WHERE NOT ({_BROAD})"
