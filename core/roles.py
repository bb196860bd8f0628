"""The database role the product runs as: it may add to the record, and change or delete nothing that only grows."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from core import sql
from core.audit import Actor, record
from core.sight import SCHEMA as SIGHT

_TABLES = """
SELECT c.oid::regclass::text, coalesce(array_agg(t.tgname::text) FILTER (WHERE t.tgname IS NOT NULL), '{}')
FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname IN ('append_only', 'never_deleted')
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
GROUP BY c.oid ORDER BY 1
"""
# Migrations are the owner's.
_READ_ONLY = frozenset({"django_migrations"})


_GIVEN = """
SELECT format('%%I', table_name), string_agg(privilege_type, ', ' ORDER BY privilege_type)
FROM information_schema.table_privileges WHERE grantee = %s AND table_schema = current_schema()
GROUP BY table_name ORDER BY 1
"""


def grant_app_role(*, role: str, actor: Actor, at: datetime) -> dict[str, str]:
    """Make a role where there is none and give it exactly what the product needs; return its rights by table.

    The role can log in and has no password: give it one, or another way in, yourself. Run it again after every
    migration, as the owner of the tables.
    """
    name = connection.ops.quote_name(role)
    with transaction.atomic():
        before = dict(sql.rows(_GIVEN, [role]))
        if sql.row("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]) is None:
            sql.run(f"CREATE ROLE {name} LOGIN")
        database, schema = _here()
        sql.run(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}")
        sql.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {name}")
        sql.run(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
        # Services take ranges of ids with setval(). The log's ids only ever count up.
        sql.run(f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {name}")
        sql.run(f"REVOKE UPDATE ON SEQUENCE core_event_id_seq FROM {name}")
        # Whoever sees a part of the record reads through these views, which are made anew with the tables.
        sql.run(f"GRANT USAGE ON SCHEMA {SIGHT} TO {name}")
        sql.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {SIGHT} TO {name}")
        given = {table: _rights(table, guards) for table, guards in sql.rows(_TABLES)}
        for table, rights in given.items():
            sql.run(f"GRANT {rights} ON {table} TO {name}")
        _tell(role, before, actor, at)
    return given


def _tell(role: str, before: dict[str, str], actor: Actor, at: datetime) -> None:
    """Write the event of a role whose rights changed; none when they are as they were."""
    after = dict(sql.rows(_GIVEN, [role]))
    if after == before:
        return
    ((oid,),) = sql.rows("SELECT oid::bigint FROM pg_roles WHERE rolname = %s", [role])
    record(
        type="database_role.granted",
        subject="database_role",
        ids=[oid],
        actor=actor,
        at=at,
        data={"key": {"role": role}, "before": before, "after": after},
    )


def _here() -> tuple[str, str]:
    found = sql.row("SELECT current_database(), current_schema()")
    assert found is not None  # noqa: S101 - the statement always returns one row
    return connection.ops.quote_name(found[0]), connection.ops.quote_name(found[1])


def _rights(table: str, guards: list[str]) -> str:
    if table in _READ_ONLY:
        return "SELECT"
    if "append_only" in guards:
        return "SELECT, INSERT"
    return "SELECT, INSERT, UPDATE" if "never_deleted" in guards else "SELECT, INSERT, UPDATE, DELETE"
