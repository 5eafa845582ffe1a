"""The digest of a text, the same as before, in a fifth of the time."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('annotate', '0019_exports'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='completion',
            name='digest_text',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='completion',
            trigger=pgtrigger.compiler.Trigger(name='digest_text', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE words TEXT;', func="\n    words = replace(array_to_string(NEW.replies, E'\\x1f'), E'\\n', ' ');\n    words = regexp_replace(words, '[\\t\\v\\f\\r\\u0085\\u00a0\\u1680\\u2000-\\u200b\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff]', ' ', 'g');\n    WHILE strpos(words, '  ') > 0 LOOP\n        words = replace(words, '  ', ' ');\n    END LOOP;\n    IF strpos(words, E'\\x1f') > 0 THEN\n        words = replace(replace(words, E' \\x1f', E'\\x1f'), E'\\x1f ', E'\\x1f');\n    END IF;\n    NEW.text_digest = md5(btrim(words, ' '));\n    RETURN NEW;\n", hash='821414c41af92ef258b70d7d3ae9deb4943c4ace', operation='INSERT', pgid='pgtrigger_digest_text_941c0', table='annotate_completion', when='BEFORE')),
        ),
    ]
