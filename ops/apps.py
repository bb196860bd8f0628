from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class OpsConfig(AppConfig):
    name = "ops"
    verbose_name = "Operations console"

    def ready(self) -> None:
        from ops.permissions import ensure_roles

        # As Django makes its own permissions: after migrations, and again after a test emptied the tables.
        post_migrate.connect(ensure_roles, sender=apps.get_app_config("auth"), dispatch_uid="ops.roles")
