"""An index of the LLM judges, so that a vote need not read what all annotators are."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("annotate", "0023_export_left_out"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="annotator",
            index=models.Index(
                condition=models.Q(("kind", "judge")), fields=["id"], name="annotator_judges"
            ),
        ),
    ]
