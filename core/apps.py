from typing import Any

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


def lift_limit(using: str, **_: Any) -> None:
    """Let migrations take as long as the tables are large: the limit of statements is for requests and turns."""
    with connections[using].cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")


def set_limit(using: str, **_: Any) -> None:
    """Have the limit of statements again."""
    with connections[using].cursor() as cursor:
        cursor.execute("RESET statement_timeout")


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Make the authentication known to the API's description, and what is checked before a deployment; have the
        views made anew, through which a part of the record is read, when migrations have changed the tables."""
        import core.http.schema  # noqa: F401
        from core.http.address import check_proxies
        from core.sight import build_views, close_views

        register(check_proxies, Tags.security, deploy=True)
        pre_migrate.connect(lift_limit, sender=self, dispatch_uid="core.lift_limit")
        post_migrate.connect(set_limit, sender=self, dispatch_uid="core.set_limit")
        pre_migrate.connect(close_views, sender=self, dispatch_uid="core.close_views")
        post_migrate.connect(build_views, sender=self, dispatch_uid="core.build_views")
