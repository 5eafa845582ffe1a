"""What people may send, checked before any service sees it."""

from django import forms

from annotate.services import voting


class VoteForm(forms.Form):
    """Which comparison was judged, and how."""

    token = forms.UUIDField()
    choice = forms.ChoiceField(choices=[(choice, choice) for choice in voting.CHOICES])
