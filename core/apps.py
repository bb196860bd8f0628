from django.apps import AppConfig
from django.core.checks import Tags, register


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Make the authentication known to the API's description, and what is checked before a deployment."""
        import core.http.schema  # noqa: F401
        from core.http.address import check_proxies

        register(check_proxies, Tags.security, deploy=True)
