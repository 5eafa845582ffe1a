"""Django's admin for every table; what the loop has written once is shown and never edited."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from annotate.admin import accounts, decisions, exports, judges, launches, loop, rating
from annotate.forms.account import AdminPasswordForm

__all__ = ["accounts", "decisions", "exports", "judges", "launches", "loop", "rating"]

admin.site.site_header = "Kurabe"
admin.site.site_title = "Kurabe"
admin.site.index_title = _("Tables")
admin.site.login_form = AdminPasswordForm  # wrong passwords count here too
