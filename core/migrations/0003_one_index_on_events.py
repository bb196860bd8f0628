"""The log is written with every move: one index for the timeline of a subject, and a BRIN, a few pages, by id.

Ids come from a sequence and rows are only appended, so id and place in the table go together.
"""

from django.db import migrations

ONE_INDEX = """
ALTER TABLE core_event DROP CONSTRAINT core_event_pkey;
DROP INDEX core_event_subject;
CREATE UNIQUE INDEX core_event_subject ON core_event (subject_id, id);
CREATE INDEX core_event_by_id ON core_event USING brin (id) WITH (pages_per_range = 32, autosummarize = on);
"""
UNDO = """
DROP INDEX core_event_by_id;
DROP INDEX core_event_subject;
CREATE INDEX core_event_subject ON core_event (subject_id, id);
ALTER TABLE core_event ADD CONSTRAINT core_event_pkey PRIMARY KEY (id);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_rules")]
    operations = [migrations.RunSQL(ONE_INDEX, UNDO)]
