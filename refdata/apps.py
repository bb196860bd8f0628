from django.apps import AppConfig


class RefdataConfig(AppConfig):
    name = "refdata"
    verbose_name = "Reference data"

    def ready(self) -> None:
        """Have approved fee rules and changes stored, say that reference data are everybody's to read, and which books
        are of a desk."""
        from core.four_eyes import on_approval
        from core.http.authentication import find_keys_with
        from refdata import changes, fee_rules, sight
        from refdata.models import Book

        on_approval(fee_rules.KIND, fee_rules.apply_rule, lock=fee_rules.lock_rule)
        on_approval(changes.KIND, changes.apply_reference_change)
        sight.declare_all()
        find_keys_with(lambda desks: dict(Book.objects.filter(desk__in=desks).values_list("code", "id")))
