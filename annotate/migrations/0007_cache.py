"""The table behind the cache, which counts attempts to sign in for all processes together."""

from django.db import migrations

# As `manage.py createcachetable` makes it, which then finds it there.
CREATE = """
CREATE TABLE annotate_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX annotate_cache_expires ON annotate_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("annotate", "0006_flag_makers")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE annotate_cache")]
