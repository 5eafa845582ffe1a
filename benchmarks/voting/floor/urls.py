"""The floor's one address."""

from django.urls import path

from benchmarks.voting.floor.views import rate

urlpatterns = [path("", rate)]
