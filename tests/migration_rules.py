"""What a migration may not do on a site that runs: each rule with what would be right instead.

The tables below grow with votes and completions. A lock on one of them that keeps others out for as
long as its rows are read or written keeps every volunteer waiting.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import CheckConstraint, GeneratedField
from django.db.models.expressions import Value

LARGE = {
    "annotator", "comparison", "completion", "completionmeasure", "preferencepair", "prompt",
    "vote",
}  # fmt: skip
# Tables that every vote reads, and so has to wait for.
READ_BY_VOTES = {"candidate", "goldpair", "ratingrules", "round", "selectionrun", "user"}
MAX_OPERATIONS = 5
AnyField = Any  # of Django's fields, whose class takes no parameters when it runs


def faults(migration: migrations.Migration, before: ProjectState) -> list[str]:
    """List what is wrong with a migration, whose models are in the state before it."""
    state, found, altered, n_operations = before.clone(), [], set(), 0
    new = {op.name.lower() for op in migration.operations if isinstance(op, migrations.CreateModel)}
    for outer in migration.operations:
        for operation in _in_database(outer):
            table = _table_of(operation)
            if not _reaches_database(operation, state):
                continue
            n_operations += 1
            if migration.atomic and table in (LARGE | READ_BY_VOTES) - new:
                altered.add(table)
            if table in LARGE - new:
                found += [f"{table}: {fault}" for fault in _faults_on_large(operation, state)]
            elif isinstance(operation, migrations.RunPython | migrations.RunSQL):
                found.append(
                    f"{type(operation).__name__}: nobody can see from here how long it holds what;"
                    " work in batches that commit by themselves (atomic = False), and list it with"
                    " a reason"
                )
        outer.state_forwards(migration.app_label, state)
    if len(altered) > 1:
        found.append(
            f"it holds {', '.join(sorted(altered))} together, in another order than votes do (a"
            " deadlock); make a migration of each"
        )
    elif altered and n_operations > MAX_OPERATIONS:
        found.append(
            f"it holds {altered.pop()} until all of its {n_operations} operations are done; give"
            f" that a migration of its own, of at most {MAX_OPERATIONS}"
        )
    return found


def _faults_on_large(operation: Operation, state: ProjectState) -> Iterator[str]:
    kind = type(operation)
    if isinstance(operation, migrations.AddIndex) and not isinstance(
        operation, AddIndexConcurrently
    ):
        yield "AddIndex keeps writers out; use AddIndexConcurrently in one with atomic = False"
    elif isinstance(operation, migrations.AddConstraint) and kind is not AddConstraintNotValid:
        if isinstance(operation.constraint, CheckConstraint):
            yield (
                "AddConstraint reads every row under a lock; use AddConstraintNotValid, and"
                " ValidateConstraint in the next migration"
            )
        else:
            yield (
                "AddConstraint makes an index under a lock; make a unique index concurrently with"
                " RunSQL, and give the constraint as state_operations"
            )
    elif isinstance(operation, migrations.AddField):
        yield from _faults_of_new(operation.field)
    elif isinstance(operation, migrations.AlterField):
        old = state.models["annotate", operation.model_name_lower].fields[operation.name]
        yield from _faults_of_changed(old, operation.field)
    elif isinstance(
        operation, migrations.RemoveField | migrations.RenameField | migrations.RenameModel
        | migrations.DeleteModel | migrations.AlterModelTable,
    ):  # fmt: skip
        yield (
            f"{kind.__name__} breaks the version that runs; stop using it in one version, and list"
            " this one, of the next, with that reason"
        )


def _faults_of_new(field: AnyField) -> Iterator[str]:
    if isinstance(field, GeneratedField):
        yield "a generated field writes every row anew; fill a plain one in batches"
        return
    if not field.null and not field.has_db_default():
        yield "a field that may not be null needs a db_default: the version that runs knows none"
    default = field.db_default if field.has_db_default() else None
    if hasattr(default, "resolve_expression") and not isinstance(default, Value):
        yield "a db_default that is computed may write every row anew; use a constant"
    if field.unique or field.db_index or field.remote_field is not None:
        yield (
            "a field with an index or a foreign key is checked under a lock; add it with"
            " db_index=False, db_constraint=False, then the index concurrently, then the key NOT"
            " VALID with RunSQL, and list it"
        )


def _faults_of_changed(old: AnyField, new: AnyField) -> Iterator[str]:
    if old.get_internal_type() != new.get_internal_type() or _is_narrower(old, new):
        yield "another type writes or reads every row under a lock; add a new field, fill, swap"
    if old.null and not new.null:
        yield "NOT NULL reads every row under a lock; add a check NOT VALID and validate it first"
    if (new.unique and not old.unique) or (new.db_index and not old.db_index):
        yield "AlterField makes an index under a lock; use AddIndexConcurrently"


def _is_narrower(old: AnyField, new: AnyField) -> bool:
    if old.max_length is None:
        return new.max_length is not None and old.get_internal_type() == "CharField"
    return new.max_length is not None and new.max_length < old.max_length


def _reaches_database(operation: Operation, state: ProjectState) -> bool:
    """Tell whether an operation is more than words: another help text alters no table."""
    if isinstance(operation, migrations.AlterModelOptions | migrations.AlterModelManagers):
        return False
    if not isinstance(operation, migrations.AlterField):
        return True
    old = state.models["annotate", operation.model_name_lower].fields[operation.name]
    return _stored(old) != _stored(operation.field)


def _stored(field: AnyField) -> tuple[Any, ...]:
    _name, path, args, kwargs = field.deconstruct()
    kept = {name: value for name, value in kwargs.items() if name not in field.non_db_attrs}
    return path, args, kept


def _in_database(operation: Operation) -> Iterator[Operation]:
    """Yield what of an operation reaches the database."""
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _in_database(inner)
    else:
        yield operation


def _table_of(operation: Operation) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", None) or ""
    return str(name).lower()
