from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate, pre_migrate


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
        pre_migrate.connect(close_views, sender=self, dispatch_uid="core.close_views")
        post_migrate.connect(build_views, sender=self, dispatch_uid="core.build_views")
