from django.apps import AppConfig


class RefdataConfig(AppConfig):
    name = "refdata"
    verbose_name = "Reference data"

    def ready(self) -> None:
        """Have approved versions of fee rules stored, and say that reference data are everybody's to read."""
        from core.four_eyes import on_approval
        from refdata import fee_rules, sight

        on_approval(fee_rules.KIND, fee_rules.apply_rule, lock=fee_rules.lock_rule)
        sight.declare_all()
