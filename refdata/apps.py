from django.apps import AppConfig


class RefdataConfig(AppConfig):
    name = "refdata"
    verbose_name = "Reference data"

    def ready(self) -> None:
        """Have approved fee rules and changes stored, and say that reference data are everybody's to read."""
        from core.four_eyes import on_approval
        from refdata import changes, fee_rules, sight

        on_approval(fee_rules.KIND, fee_rules.apply_rule, lock=fee_rules.lock_rule)
        on_approval(changes.KIND, changes.apply_reference_change)
        sight.declare_all()
