"""What people may send, checked before any service sees it."""

import json
from collections.abc import Callable
from operator import index
from typing import Any

from django import forms
from django.core.validators import validate_slug

from annotate.models.comparisons import Side, SkipReason
from annotate.services import voting

COMMENT_MAX = 2_000  # characters
REASON_MAX = 2_000


class RepeatedField(forms.Field):
    """A field that may be sent any number of times; each is checked by `clean_each`."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, clean_each: Callable[[str], Any]) -> None:
        super().__init__(required=False)
        self._clean_each = clean_each

    def clean(self, value: Any) -> tuple[Any, ...]:
        """Give what was sent as a tuple, in order."""
        return tuple(self._clean_each(each) for each in value or [])


def read_slug(text: str) -> str:
    """Check that a text can be the name of a tag."""
    validate_slug(text)
    return text


def read_mark(text: str) -> voting.Mark:
    """Read a marked passage from its JSON."""
    try:
        found = json.loads(text)
        return voting.Mark(
            side=str(found["side"]),
            turn=index(found["turn"]),
            start=index(found["start"]),
            end=index(found["end"]),
            tag=str(found["tag"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise forms.ValidationError("a mark is JSON with side, turn, start, end and tag") from error


class VoteForm(forms.Form):
    """Which comparison was judged, how, and why."""

    token = forms.UUIDField()
    turn = forms.IntegerField(required=False, min_value=0)
    choice = forms.ChoiceField(choices=[(choice, choice) for choice in voting.CHOICES])
    reason_left = RepeatedField(clean_each=read_slug)
    reason_right = RepeatedField(clean_each=read_slug)
    comment = forms.CharField(required=False, max_length=COMMENT_MAX)
    mark = RepeatedField(clean_each=read_mark)

    def vote(self) -> dict[str, Any]:
        """Give the vote as `record_vote` takes it."""
        sent = self.cleaned_data
        return {
            "token": sent["token"],
            "turn": sent["turn"] or 0,
            "choice": sent["choice"],
            "reasons_left": sent["reason_left"],
            "reasons_right": sent["reason_right"],
            "comment": sent["comment"],
            "marks": sent["mark"],
        }


class SkipForm(forms.Form):
    """Which comparison is passed over, and why."""

    token = forms.UUIDField()
    reason = forms.ChoiceField(choices=SkipReason.choices)


class ReportForm(forms.Form):
    """Which side of a comparison is harmful, and in what way if the reader says so."""

    token = forms.UUIDField()
    side = forms.ChoiceField(choices=Side.choices)
    text = forms.CharField(required=False, max_length=COMMENT_MAX)


class ExclusionForm(forms.Form):
    """Why an annotator is excluded, or counts again."""

    reason = forms.CharField(max_length=REASON_MAX)
