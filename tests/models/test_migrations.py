"""Migrations keep no voter waiting: each rule broken once, and every migration held to them."""

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now

from tests.migration_rules import faults

# The last one that was written before these rules, and before there was a release.
LAST_BEFORE_RULES = "0021"
# Migrations that break a rule all the same, with the reason why nobody waits for them.
LOOKED_AT = {
    "0022_judged_counts": "it counts into rows of estimates, for which no vote waits",
}


def test_migrations_keep_the_rules() -> None:
    loader = MigrationLoader(None)
    found = {}
    for app, name in sorted(loader.disk_migrations):
        if app == "annotate" and name[:4] > LAST_BEFORE_RULES and name not in LOOKED_AT:
            before = loader.project_state((app, name), at_end=False)
            if wrong := faults(loader.disk_migrations[app, name], before):
                found[name] = wrong
    assert found == {}, "see docs/backups.md, “Migrations”"


def test_the_rules_find_what_was_done_before_them() -> None:
    loader = MigrationLoader(None)
    key = ("annotate", "0010_withdrawn_votes")
    assert faults(loader.disk_migrations[key], loader.project_state(key, at_end=False)) == [
        "vote: AddIndex keeps writers out; use AddIndexConcurrently in one with atomic = False"
    ]


def state() -> ProjectState:
    """Give two large tables and a small one."""
    states = ProjectState()
    for name in ("vote", "comparison", "round"):
        fields = [("id", models.BigAutoField(primary_key=True)),
                  ("note", models.CharField(max_length=20, null=True))]  # fmt: skip
        states.add_model(ModelState("annotate", name, fields))
    return states


def migration(*operations: Operation, atomic: bool = True) -> migrations.Migration:
    made = migrations.Migration("9999_test", "annotate")
    made.operations, made.atomic = list(operations), atomic
    return made


POSITIVE = models.CheckConstraint(condition=models.Q(id__gt=0), name="positive")
ONCE = models.UniqueConstraint(fields=["note"], name="once")
INDEX = models.Index(fields=["note"], name="by_note")


def add(field: models.Field, to: str = "vote") -> Operation:  # type: ignore[type-arg]
    return migrations.AddField(to, "new", field)


def alter(field: models.Field, on: str = "vote") -> Operation:  # type: ignore[type-arg]
    return migrations.AlterField(on, "note", field)


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        (migrations.AddIndex("vote", INDEX), "AddIndex keeps writers out"),
        (migrations.AddConstraint("vote", POSITIVE), "AddConstraint reads every row"),
        (migrations.AddConstraint("vote", ONCE), "AddConstraint makes an index"),
        (add(models.IntegerField()), "needs a db_default"),
        (add(models.DateTimeField(db_default=Now())), "a db_default that is computed"),
        (add(models.IntegerField(null=True, db_index=True)), "with an index or a foreign key"),
        (
            add(models.ForeignKey("annotate.round", models.PROTECT, null=True)),
            "with an index or a foreign key",
        ),
        (
            add(
                models.GeneratedField(
                    expression=models.F("id"),
                    output_field=models.BigIntegerField(),
                    db_persist=True,
                )
            ),
            "writes every row anew",
        ),
        (alter(models.IntegerField(null=True)), "another type"),
        (alter(models.CharField(max_length=10, null=True)), "another type"),
        (alter(models.CharField(max_length=20)), "NOT NULL reads every row"),
        (alter(models.CharField(max_length=20, null=True, unique=True)), "makes an index"),
        (migrations.RemoveField("vote", "note"), "breaks the version that runs"),
        (migrations.RenameField("vote", "note", "word"), "breaks the version that runs"),
        (migrations.DeleteModel("vote"), "breaks the version that runs"),
        (migrations.RunSQL("SELECT 1"), "RunSQL: nobody can see"),
        (
            migrations.SeparateDatabaseAndState([migrations.AddIndex("vote", INDEX)]),
            "AddIndex keeps writers out",
        ),
    ],
)
def test_a_migration_that_locks_a_large_table_for_long_is_refused(
    operation: Operation, told: str
) -> None:
    (fault,) = faults(migration(operation), state())
    assert told in fault


def test_two_large_tables_in_one_transaction_are_refused() -> None:
    """Votes lock them in their order, and a migration in its own."""
    plain = models.IntegerField(null=True)
    both = add(plain), add(plain, to="comparison")
    assert faults(migration(*both), state()) == [
        "it holds comparison, vote together, in another order than votes do (a deadlock); make a"
        " migration of each"
    ]
    assert faults(migration(*both, atomic=False), state()) == []


def test_a_table_that_votes_read_is_not_held_through_a_long_migration() -> None:
    """A vote reads its round: it would wait until all the rest is done too."""
    fields = [("id", models.BigAutoField(primary_key=True))]
    others = [migrations.CreateModel(f"Other{n}", fields) for n in range(5)]
    long = migration(add(models.IntegerField(null=True), to="round"), *others)
    assert faults(long, state()) == [
        "it holds round until all of its 6 operations are done; give that a migration of its own,"
        " of at most 5"
    ]
    words = alter(models.CharField(max_length=20, null=True, help_text="A word."), on="round")
    assert faults(migration(words, *others), state()) == []


def test_what_is_right_is_let_pass() -> None:
    for operations, atomic in [
        ([AddIndexConcurrently("vote", INDEX)], False),
        ([AddConstraintNotValid("vote", POSITIVE)], True),
        ([add(models.IntegerField(null=True))], True),
        ([add(models.CharField(max_length=8, db_default=""))], True),
        ([alter(models.CharField(max_length=40, null=True))], True),
        ([alter(models.CharField(max_length=20, null=True, help_text="A word."))], True),
        ([migrations.AddIndex("round", INDEX)], True),
        ([migrations.AddConstraint("round", POSITIVE)], True),
    ]:
        assert faults(migration(*operations, atomic=atomic), state()) == []
    after = state()
    AddConstraintNotValid("vote", POSITIVE).state_forwards("annotate", after)
    assert faults(migration(ValidateConstraint("vote", "positive")), after) == []


def test_a_table_that_is_made_in_the_same_migration_is_empty() -> None:
    fields = [("id", models.BigAutoField(primary_key=True)), ("note", models.TextField())]
    new = migrations.CreateModel("Prompt", fields)
    index = migrations.AddIndex("prompt", models.Index(fields=["note"], name="of_note"))
    assert faults(migration(new, index), state()) == []
