"""Comparisons that an annotator may not see any more are marked, and never come back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotate", "0004_first_words")]

    operations = [
        migrations.AddField(
            model_name="comparison",
            name="dropped_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When it was taken from the annotator, who may not see it any more.",
                null=True,
            ),
        ),
    ]
