"""Let the function that keeps moments look at the tables' own schema, whatever stands before it."""

from django.db import migrations

# Somebody who sees a part of the record asks for moments with views before the tables, and these have no sequences.
RULES = "ALTER FUNCTION core_mark_moment(timestamptz) SET search_path FROM CURRENT"
UNDO = "ALTER FUNCTION core_mark_moment(timestamptz) RESET search_path"


class Migration(migrations.Migration):
    dependencies = [("core", "0506_notifications")]
    operations = [migrations.RunSQL(RULES, UNDO)]
