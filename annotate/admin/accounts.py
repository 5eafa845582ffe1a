"""Accounts, whose flags follow their role."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.utils.translation import gettext_lazy as _

from annotate.models import User


class RoleFlags:
    """Keeps Django's own flags in step with the role, as the database demands."""

    instance: User
    cleaned_data: dict[str, Any]

    def _post_clean(self) -> None:
        is_admin = self.cleaned_data.get("role") == User.Role.ADMIN
        self.instance.is_staff = self.instance.is_superuser = is_admin
        super()._post_clean()  # type: ignore[misc]


class AccountForm(RoleFlags, UserChangeForm):
    """Changes an account."""


class NewAccountForm(RoleFlags, AdminUserCreationForm):
    """Makes an account."""


@admin.register(User)
class AccountAdmin(UserAdmin):
    """Accounts; the role decides what each may do."""

    form = AccountForm
    add_form = NewAccountForm
    list_display = ("username", "role", "email", "is_active", "last_login")
    list_filter = ("role", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role"), {"fields": ("role", "is_active")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {"fields": ("username", "role", "usable_password", "password1", "password2")},
        ),
    )
    filter_horizontal = ()
