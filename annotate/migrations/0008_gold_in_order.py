"""The database keeps the two sides of a known answer in the order of comparisons."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("annotate", "0007_cache"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="goldpair",
            name="gold_of_two_completions",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="goldpair",
            trigger=pgtrigger.compiler.Trigger(
                name="two_in_order",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nIF NOT EXISTS (\n  SELECT FROM annotate_completion AS a JOIN annotate_completion AS b USING (prompt_id)\n  WHERE a.id = NEW.completion_a_id AND b.id = NEW.completion_b_id\n  AND a.candidate_id < b.candidate_id\n) THEN\n  RAISE EXCEPTION 'a pair with a known answer breaks \"gold_two_in_order\"'\n  USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NEW;\n",
                    hash="873847dd2fa50061abe4237e36884a9c85132ce4",
                    operation="INSERT",
                    pgid="pgtrigger_two_in_order_59c3f",
                    table="annotate_goldpair",
                    when="BEFORE",
                ),
            ),
        ),
    ]
