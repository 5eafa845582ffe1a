"""What a token for the API is to be."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotate.models import User
from annotate.models.tokens import TokenScope
from annotate.services.tokens import may_have

DAYS = [(7, _("a week")), (30, _("30 days")), (90, _("90 days")), (365, _("a year"))]
USUAL_DAYS = 90
# What a scope is for, to somebody who chooses one.
MEANINGS = {
    TokenScope.READ: _("read: runs, rankings, prompts and replies, lineage"),
    TokenScope.EXPORT: _("export: that, and datasets with their rows"),
    TokenScope.WRITE: _("write: that, and to send prompts, completions and votes"),
    TokenScope.ADMIN: _("admin: that, and to launch and steer runs and trainings"),
}


class TokenForm(forms.Form):
    """A name, a scope that the account's role allows, and when it ends."""

    name = forms.CharField(label=_("What it is for"), max_length=100)
    scope = forms.ChoiceField(label=_("It may"), choices=[])
    days = forms.TypedChoiceField(
        label=_("It ends after"), choices=DAYS, coerce=int, initial=USUAL_DAYS
    )

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (scope.value, MEANINGS[scope]) for scope in TokenScope if may_have(user, scope)
        ]
