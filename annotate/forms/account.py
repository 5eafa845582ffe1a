"""Signing in: by a code sent to an address, or with a password."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import context, ratelimit
from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _

from annotate.services import accounts


class AddressForm(forms.Form):
    """Where a code is to be sent; an address seen for the first time gets an account."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def clean_email(self) -> str:
        """Count the request, then find or make the account: known and new look the same."""
        email = str(self.cleaned_data["email"])
        if not ratelimit.consume(context.request, action="request_login_code", key=email.lower()):
            raise forms.ValidationError(
                _("Too many codes were asked for. Please wait some minutes."), code="rate"
            )
        self._user = accounts.account_for(email=email)  # where allauth looks for it
        return email


class PasswordForm(AuthenticationForm):
    """A username and its password; wrong ones are counted by address and by name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The address above it is what most who come here have.
        self.fields["username"].widget.attrs.pop("autofocus", None)

    def clean(self) -> dict[str, Any]:
        """Check both, unless there were too many wrong ones before."""
        username = self.cleaned_data.get("username")
        password = self.cleaned_data.get("password")
        if username and password:
            self.user_cache = get_adapter().authenticate(
                self.request, username=username, password=password
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data


class AdminPasswordForm(PasswordForm, AdminAuthenticationForm):
    """The same, in front of the tables that admins alone may see."""
