from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Make the authentication known to the API's description."""
        import core.http.schema  # noqa: F401
