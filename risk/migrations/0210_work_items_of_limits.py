"""What exceeds a limit, and why a figure was wrong, are work items of their own kinds.

What is held for limits alone changes its kind; what is held for both is told apart when it is checked next. A wrong
figure is explained in its work item, so that it is itself never changed.
"""

from django.db import migrations, models

ITEMS = """
UPDATE trades_exception SET kind = 'LIMIT'
WHERE kind = 'FINDING' AND closed_at IS NULL AND codes = ARRAY['LIMIT_BREACH'];

INSERT INTO trades_exception
    (kind, subject, subject_id, member, codes, causes, waits, summary, move, opened_at, closed_at, closed_by, resolution)
SELECT DISTINCT ON (w.closed_at IS NULL, CASE WHEN w.closed_at IS NOT NULL THEN w.id END, w.limit_id, w.key)
       'FIGURE', 'limit', w.limit_id, w.key, ARRAY['WRONG_FIGURE'], ARRAY['WRONG_FIGURE ' || l.code], '{}',
       format('The use of %s by %s was %s where the trades add up to %s.', l.code, coalesce(nullif(w.key, ''), 'all'),
              round(w.running, 2), round(w.recomputed, 2)),
       'RISK', w.found_at, w.closed_at, w.closed_by, w.note
FROM risk_wrong_figure w JOIN risk_limit l ON l.id = w.limit_id
ORDER BY w.closed_at IS NULL, CASE WHEN w.closed_at IS NOT NULL THEN w.id END, w.limit_id, w.key, w.id DESC;
"""
UNDO = """
ALTER TABLE trades_exception DISABLE TRIGGER never_deleted;
DELETE FROM trades_exception WHERE trade_id IS NULL;
ALTER TABLE trades_exception ENABLE TRIGGER never_deleted;
UPDATE trades_exception SET kind = 'FINDING' WHERE kind = 'LIMIT' AND closed_at IS NULL;
"""


class Migration(migrations.Migration):

    dependencies = [
        ("risk", "0161_wrong_figures"),
        ("trades", "0210_items_on_anything"),
    ]

    operations = [
        migrations.RunSQL(ITEMS, UNDO),
        migrations.RemoveIndex(model_name="wrongfigure", name="risk_wrong_figure_open"),
        migrations.RemoveField(model_name="wrongfigure", name="closed_at"),
        migrations.RemoveField(model_name="wrongfigure", name="closed_by"),
        migrations.RemoveField(model_name="wrongfigure", name="note"),
        migrations.RunSQL(
            "DROP TRIGGER never_deleted ON risk_wrong_figure; DROP TRIGGER never_truncated ON risk_wrong_figure;"
            "SELECT core_append_only('risk_wrong_figure')",
            "DROP TRIGGER append_only ON risk_wrong_figure; DROP TRIGGER never_truncated ON risk_wrong_figure;"
            "SELECT core_never_deleted('risk_wrong_figure')",
        ),
        migrations.AddIndex(
            model_name="wrongfigure",
            index=models.Index(fields=["limit_id", "key", "id"], name="risk_wrong_figure_member"),
        ),
    ]
