"""Let the database refuse a comparison whose completions are not of its candidates and prompt.

Foreign keys over several columns are not among Django's own, hence SQL.
"""

from django.db import migrations

ADD = """
ALTER TABLE annotate_comparison ADD CONSTRAINT comparison_completion_{side}_matches
    FOREIGN KEY (completion_{side}_id, candidate_{side}_id, prompt_id)
    REFERENCES annotate_completion (id, candidate_id, prompt_id) DEFERRABLE INITIALLY DEFERRED
"""
DROP = "ALTER TABLE annotate_comparison DROP CONSTRAINT comparison_completion_{side}_matches"


class Migration(migrations.Migration):
    dependencies = [("annotate", "0001_loop")]

    operations = [
        migrations.RunSQL(ADD.format(side=side), DROP.format(side=side)) for side in ("a", "b")
    ]
