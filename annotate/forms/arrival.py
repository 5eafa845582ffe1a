"""What people may send on the way in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class LanguagesForm(forms.Form):
    """Which languages somebody reads, of those that they may choose from."""

    languages = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one language that you read.")},
    )

    def __init__(
        self, *args: Any, languages: list[tuple[str, str]], preferred: list[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["languages"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = languages
        field.initial = [tag for tag, _name in languages if tag in preferred]


class WelcomeForm(LanguagesForm):
    """That a newcomer read the consent text of this version, and which languages they read."""

    version = forms.IntegerField()
    newcomer = forms.UUIDField(required=False)

    def __init__(self, *args: Any, asks_languages: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["languages"].required = asks_languages
