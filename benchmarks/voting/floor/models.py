"""The fewest tables that hold a comparison and its vote."""

import uuid

from django.conf import settings
from django.db import models


class Prompt(models.Model):
    """A question."""

    text = models.TextField()

    def __str__(self) -> str:
        return self.text


class Completion(models.Model):
    """An answer to it."""

    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT)
    text = models.TextField()

    def __str__(self) -> str:
        return self.text


class Comparison(models.Model):
    """Two answers that stand before somebody."""

    token = models.UUIDField(unique=True, default=uuid.uuid4)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    left = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.token)


class Vote(models.Model):
    """Which of the two was better."""

    comparison = models.OneToOneField(Comparison, on_delete=models.PROTECT)
    choice = models.CharField(max_length=8)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.choice
