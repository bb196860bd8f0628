"""The sequence of trades, and what the database refuses."""

from django.db import migrations

RULES = """
-- Sessions take ids singly, so that the order of ids is the order of capture.
CREATE SEQUENCE trades_trade_id AS bigint START 1001;
SELECT core_append_only('trades_version');
SELECT core_append_only('trades_comment');
SELECT core_append_only('trades_override');
SELECT core_never_deleted('trades_state');
SELECT core_never_deleted('trades_finding');
SELECT core_never_deleted('trades_exception');
"""
UNDO = """
DROP TRIGGER never_deleted ON trades_exception;
DROP TRIGGER never_deleted ON trades_finding;
DROP TRIGGER never_deleted ON trades_state;
DROP TRIGGER append_only ON trades_override;
DROP TRIGGER append_only ON trades_comment;
DROP TRIGGER append_only ON trades_version;
DROP SEQUENCE trades_trade_id;
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0001_initial"), ("core", "0002_rules")]
    operations = [migrations.RunSQL(RULES, UNDO)]
