"""Indexes by which a vote costs the same however many there are, and a count that need not be made.

The indexes are built while people vote. The old ones go when those that take their place are there.
"""

import django.contrib.postgres.operations
from django.db import migrations, models

JUDGED = models.Q(("answered_at__isnull", False), models.Q(("purpose", "practice"), _negated=True))
COUNT_JUDGED = """
UPDATE annotate_roundestimate AS estimate SET judged_by = estimate.made_at, n_judged = (
  SELECT count(*) FROM annotate_comparison AS comparison
  JOIN annotate_annotator AS annotator ON annotator.id = comparison.annotator_id
  WHERE comparison.round_id = estimate.round_id AND comparison.answered_at <= estimate.made_at
  AND comparison.answered_at IS NOT NULL AND comparison.purpose <> 'practice'
  AND annotator.kind <> 'judge'
)
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("annotate", "0021_quicker_digest"),
    ]

    operations = [
        migrations.AddField(
            model_name="roundestimate",
            name="judged_by",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="roundestimate",
            name="n_judged",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Comparisons of any purpose but practice that people had judged by `judged_by`.",
            ),
        ),
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="comparison",
            index=models.Index(
                fields=["annotator", "round", "id"], name="comparison_by_annotator"
            ),
        ),
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="comparison",
            index=models.Index(
                fields=["round", "candidate_a", "candidate_b", "id"],
                name="comparison_by_candidates",
            ),
        ),
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="comparison",
            index=models.Index(
                condition=models.Q(
                    ("answered_at__isnull", True),
                    ("dropped_at__isnull", True),
                    ("skipped_at__isnull", True),
                ),
                fields=["annotator", "round"],
                name="comparison_waiting",
            ),
        ),
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="comparison",
            index=models.Index(
                condition=JUDGED, fields=["annotator", "answered_at"], name="comparison_judged_by"
            ),
        ),
        django.contrib.postgres.operations.AddIndexConcurrently(
            model_name="comparison",
            index=models.Index(
                condition=JUDGED,
                fields=["round", "answered_at"],
                include=("annotator",),
                name="comparison_judged_in",
            ),
        ),
        django.contrib.postgres.operations.RemoveIndexConcurrently(
            model_name="comparison", name="comparison_of_annotator"
        ),
        django.contrib.postgres.operations.RemoveIndexConcurrently(
            model_name="comparison", name="comparison_of_candidates"
        ),
        migrations.RunSQL(COUNT_JUDGED, migrations.RunSQL.noop),
    ]
