"""Database constraints that several tables share."""

import pgtrigger
from django.db import models


def choice_check(
    model: str, field: str, choices: type[models.TextChoices]
) -> models.CheckConstraint:
    """Refuse a value of `field` that is not among its choices, whoever writes it."""
    return models.CheckConstraint(
        name=f"{model}_{field}_known", condition=models.Q(**{f"{field}__in": choices.values})
    )


def not_blank(model: str, field: str) -> models.CheckConstraint:
    """Refuse an empty text in `field`."""
    return models.CheckConstraint(
        name=f"{model}_{field}_not_blank", condition=~models.Q(**{field: ""})
    )


def append_only() -> list[pgtrigger.Trigger]:
    """Refuse every change and removal of a row."""
    return [
        pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        pgtrigger.ReadOnly(name="never_changed"),
    ]
