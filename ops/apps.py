from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate


class OpsConfig(AppConfig):
    name = "ops"
    verbose_name = "Operations console"

    def ready(self) -> None:
        """Make the roles that are missing, check those that settings name, let the API filter by views that people
        share, let bulk runs and comments ask what people may do and read, and say that what people keep for themselves
        is seen by them whatever their desks."""
        from core.http.named import find_views_with
        from core.sight import ALL, declare
        from ops.bulk import within_reach
        from ops.permissions import ensure_roles
        from ops.saved_views import find_shared
        from ops.second_factor import check_roles
        from ops.visibility import reads_exceptions
        from trades.services.bulk_run import find_reach_with
        from trades.services.comments import find_readers_with

        register(check_roles, Tags.security)

        find_views_with(find_shared)
        find_reach_with(within_reach)
        find_readers_with(reads_exceptions)
        declare({model._meta.db_table: ALL for model in self.get_models()})

        # As Django makes its own permissions: after migrations, and again after a test emptied the tables.
        post_migrate.connect(ensure_roles, sender=apps.get_app_config("auth"), dispatch_uid="ops.roles")
