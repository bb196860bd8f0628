"""A lost connection is noticed before a request uses it, without asking the server."""

from __future__ import annotations

import pytest
from django.db import InternalError, connection, connections, transaction

from core import sql

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def other():
    """Return a second connection, as another process has."""
    copy = connections["default"].copy()
    yield copy
    copy.close()


def test_one_that_stands_is_usable_without_a_statement(django_assert_num_queries):
    sql.rows("SELECT 1")
    with django_assert_num_queries(0):
        assert connection.is_usable()


def test_one_that_the_server_ended_is_not(other):
    ((pid,),) = sql.rows("SELECT pg_backend_pid()")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone() == (True,)
    assert not connection.is_usable()
    connection.close()
    assert sql.rows("SELECT 1") == [(1,)]


def test_one_that_closed_itself_is_not():
    sql.rows("SELECT 1")
    connection.connection.close()
    assert not connection.is_usable()
    connection.close()


def test_a_message_nobody_asked_for_is_no_loss(other):
    sql.run("LISTEN something")
    with other.cursor() as cursor:
        cursor.execute("NOTIFY something")
    assert connection.is_usable()
    assert sql.rows("SELECT 1") == [(1,)]
    connection.close()  # ends the listening


def test_one_whose_transaction_was_aborted_is_not():
    with pytest.raises(InternalError), transaction.atomic():
        with pytest.raises(Exception, match="division by zero"):
            sql.rows("SELECT 1 / 0")
        assert not connection.is_usable()
        connection.needs_rollback = False
        sql.rows("SELECT 1")
