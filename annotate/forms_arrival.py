"""What people may send on the way in."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class WelcomeForm(forms.Form):
    """That a newcomer read the consent text of this version, and which languages they read."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    languages = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one language that you read.")},
    )

    def __init__(
        self,
        *args: Any,
        languages: list[tuple[str, str]],
        preferred: list[str],
        asks_languages: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["languages"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = languages
        field.initial = [tag for tag, _name in languages if tag in preferred]
        field.required = asks_languages
