"""Reference data are seen whole by everybody: who trades with whom, for which book, is not told by them."""

from __future__ import annotations

from django.apps import apps

from core.sight import ALL, declare


def declare_all() -> None:
    """Declare it for every table of reference data, and for the stamp that their changes move on."""
    tables = [model._meta.db_table for model in apps.get_app_config("refdata").get_models()]
    declare({**dict.fromkeys(tables, ALL), "refdata_stamp": ALL})
