"""Why an export gave no row, so that a page can say it in its reader's language."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('annotate', '0022_judged_counts'),
    ]

    operations = [
        migrations.AddField(
            model_name='export',
            name='left_out',
            field=models.JSONField(blank=True, help_text='Pairs by reason, where none was left; empty: it did not fail for that.', null=True),
        ),
    ]
