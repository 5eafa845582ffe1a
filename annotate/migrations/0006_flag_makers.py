"""Look through older completions for words that name their maker."""

from django.db import migrations

from annotate.generation.makers import find_maker

BATCH_SIZE = 500
TABLE = "annotate_completion"


def flag_older(apps, schema_editor):
    """Flag what was stored before texts were looked through; their triggers rest meanwhile."""
    Completion = apps.get_model("annotate", "Completion")
    older = Completion.objects.filter(names_maker="").order_by("pk")
    flagged = []
    for row in (
        older.values_list("pk", "replies", "candidate__name", "candidate__model")
        .iterator(chunk_size=BATCH_SIZE)
    ):
        pk, replies, *names = row
        if words := find_maker("\n\n".join(replies), names=names):
            flagged.append(Completion(pk=pk, names_maker=words))
    if not flagged:
        return
    schema_editor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
    Completion.objects.bulk_update(flagged, ["names_maker"], batch_size=BATCH_SIZE)
    schema_editor.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER USER")


class Migration(migrations.Migration):
    dependencies = [("annotate", "0005_dropped")]

    operations = [migrations.RunPython(flag_older, migrations.RunPython.noop)]
