"""People who come to vote in a run: accounts that are signed in, and have passed its door.

    VOTING_DATABASE=name python -m benchmarks.voting.volunteers N RUN

prints their session cookies and ids as JSON.
"""

import json
import sys
import uuid

import django

django.setup()

from django.utils import timezone  # noqa: E402  models need Django set up

from annotate.models import (  # noqa: E402
    Annotator,
    Consent,
    ConsentText,
    Participation,
    SelectionRun,
    User,
)
from annotate.services.simulating import sign_in_without_password  # noqa: E402


def main() -> None:
    """Make them."""
    n, run = int(sys.argv[1]), SelectionRun.objects.get(slug=sys.argv[2])
    text = ConsentText.objects.get(version=ConsentText.objects.latest("version").version)
    call = uuid.uuid4().hex[:8]
    sessions, annotators = [], []
    for number in range(n):
        user = User.objects.create_user(f"volunteer-{call}-{number}")
        annotator = Annotator.objects.create(
            kind="person", name=user.username, user=user, languages=["en", "ja"]
        )
        Consent.objects.create(annotator=annotator, text=text)
        Participation.objects.create(run=run, annotator=annotator, instructed_at=timezone.now())
        sessions.append(sign_in_without_password(user=user))
        annotators.append(annotator.pk)
    print(json.dumps({"sessions": sessions, "ids": annotators}))


if __name__ == "__main__":
    main()
