"""What is netted with whom: of the netting agreements that hold on a value date, the most specific one says it.

An agreement with one of our entities goes before one with every entity. No two of one party and entity hold on the same
day (the database refuses it), so that there is one answer, whatever the order of rows. This module alone decides it.

A leg is a row with `counterparty_id`, `asset_kind` and `value_date`; an entity a row with the `entity` code of the
leg's book. Where either is not known, nothing is netted.
"""

from __future__ import annotations

from refdata.models import ANY

# Which column says it of an asset kind.
COLUMNS = {"CASH": "payments", "SECURITY": "securities", "GOODS": "goods"}

# The books with the entities they belong to, for a join as a relation with `id`, `entity_id` and `entity`.
ENTITIES = """(SELECT b.id, b.entity_id, e.code AS entity FROM refdata_book b
               JOIN refdata_party e ON e.id = b.entity_id)"""


def agreements_sql(leg: str, entity: str) -> str:
    """Return joins that add to each leg the agreements that may speak of it, at most one of each name."""
    return f"""LEFT JOIN refdata_netting_agreement named
               ON named.party_id = {leg}.counterparty_id AND named.entity = {entity}.entity AND {_holds("named", leg)}
        LEFT JOIN refdata_netting_agreement general
               ON general.party_id = {leg}.counterparty_id AND general.entity = '{ANY}' AND {_holds("general", leg)}"""


def _holds(agreement: str, leg: str) -> str:
    return f"""{agreement}.valid_from <= {leg}.value_date
               AND ({agreement}.valid_to IS NULL OR {agreement}.valid_to >= {leg}.value_date)"""


def netted_sql(asset_kind: str) -> str:
    """Return the condition, over the joins of `agreements_sql`, under which legs of an asset kind net.

    asset_kind: an SQL expression for it.
    """
    cases = " ".join(f"WHEN '{kind}' THEN {agreed_sql(column)}" for kind, column in COLUMNS.items())
    return f"(CASE {asset_kind} {cases} END) <> 'NONE'"


def against_payment_sql(leg: str) -> str:
    """Return the condition, over the joins of `agreements_sql`, under which a leg settles together with the one that
    it is dealt against (its column `against`): payments that net by currency leave apart from what they pay."""
    return f"({leg}.against IS NOT NULL AND {agreed_sql('payments')} = 'NONE')"


def agreed_sql(column: str) -> str:
    """Return SQL, over the joins of `agreements_sql`, for what is agreed of `payments`, `securities` or `goods`."""
    return f"CASE WHEN named.id IS NULL THEN coalesce(general.{column}, 'NONE') ELSE named.{column} END"
