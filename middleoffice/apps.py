from django.apps import AppConfig


class MiddleofficeConfig(AppConfig):
    name = "middleoffice"
    verbose_name = "Middleoffice"

    def ready(self) -> None:
        """Bind shared tasks to the configured Celery application in every process, the web included."""
        import middleoffice.celery  # noqa: F401
