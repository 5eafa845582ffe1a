"""The sign-in page: a code by e-mail for volunteers, a password for those who have one."""

import logging
import smtplib
from typing import Any

from allauth.account.internal.stagekit import clear_login
from allauth.account.views import ConfirmLoginCodeView, RequestLoginCodeView
from django.contrib.auth.views import LoginView
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from annotate.forms.account import AddressForm, PasswordForm
from annotate.views.visitors import annotator_for

logger = logging.getLogger(__name__)
TEMPLATE = "registration/login.html"


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Show both ways to sign in, and take the one that was chosen."""
    view = PasswordSignIn if "username" in request.POST else CodeSignIn
    return view.as_view()(request)


class CodeSignIn(RequestLoginCodeView):
    """Sends a code to an address, and leads to where it is typed in."""

    form_class = AddressForm
    template_name = TEMPLATE

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Begin anew: whoever mistyped their address asks for another code here."""
        clear_login(request)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: AddressForm) -> HttpResponse:
        """Send the code, or say that the mail did not leave."""
        try:
            return super().form_valid(form)
        except (smtplib.SMTPException, OSError):
            logger.exception("the mail with a sign-in code was not sent")
            form.add_error("email", _("The mail could not be sent. Please try again later."))
            return self.form_invalid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Show the other way beside this one."""
        context = super().get_context_data(**kwargs)
        next_url = self.request.POST.get("next") or self.request.GET.get("next", "")
        return context | {
            "code_form": context["form"],
            "password_form": PasswordForm(),
            "next": next_url,
            "has_rated_here": annotator_for(self.request) is not None,
        }


class CodeEntry(ConfirmLoginCodeView):
    """Takes the code that was sent; after three wrong ones another has to be asked for."""

    def form_invalid(self, form: Form) -> HttpResponse:
        """Keep where somebody was going when they are sent back for another code."""
        response = super().form_invalid(form)
        if isinstance(response, HttpResponseRedirect):
            return HttpResponseRedirect(self.passthrough_next_url(response.url))
        return response


class PasswordSignIn(LoginView):
    """Checks a username and a password."""

    authentication_form = PasswordForm
    template_name = TEMPLATE
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Show the other way beside this one."""
        context = super().get_context_data(**kwargs)
        return context | {"code_form": AddressForm(), "password_form": context["form"]}
