"""One view: it takes a vote, and gives a random next pair."""

import random

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from benchmarks.voting.floor.models import Comparison, Completion, Prompt, Vote


@login_required
def rate(request: HttpRequest) -> HttpResponse:
    """Store the vote that was sent, if one was, and show the next pair."""
    with transaction.atomic():
        if request.method == "POST":
            judged = get_object_or_404(Comparison, token=request.POST["token"], user=request.user)
            Vote.objects.create(comparison=judged, choice=request.POST["choice"])
        comparison = Comparison(user=request.user)
        comparison.left, comparison.right = draw_pair()
        comparison.save()
    return render(request, "floor/rate.html", {"comparison": comparison})


def draw_pair() -> list[Completion]:
    """Draw a prompt, and two of its answers."""
    newest = Prompt.objects.order_by("-pk").values_list("pk", flat=True)[0]
    answers = Completion.objects.filter(prompt=random.randint(1, newest)).values_list("pk")
    two = [pk for (pk,) in random.sample(list(answers), 2)]
    return list(Completion.objects.select_related("prompt").filter(pk__in=two))
