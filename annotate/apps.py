"""The one Django app."""

from django.apps import AppConfig


class AnnotateConfig(AppConfig):
    """Kurabe."""

    name = "annotate"
    verbose_name = "Kurabe"
