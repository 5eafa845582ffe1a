"""Fill the floor's database, or have people come to it.

VOTING_DATABASE=name python -m benchmarks.voting.floor.contents fill
VOTING_DATABASE=name python -m benchmarks.voting.floor.contents volunteers N
"""

import json
import sys
import uuid

import django

django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model  # noqa: E402  Django is set up now  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks.voting.floor.models import Completion, Prompt  # noqa: E402
from benchmarks.voting.texts import Texts  # noqa: E402

N_PROMPTS, N_ANSWERS = 1_000, 20


def fill() -> None:
    """Make tables, and prompts with answers as the site's are."""
    call_command("migrate", verbosity=0)  # the accounts, to which our own tables point
    call_command("migrate", run_syncdb=True, verbosity=0)
    texts = Texts(0)
    languages = ["ja" if number % 5 in (1, 3) else "en" for number in range(N_PROMPTS)]
    prompts = Prompt.objects.bulk_create(Prompt(text=texts.prompt(tag)) for tag in languages)
    Completion.objects.bulk_create(
        (
            Completion(prompt=prompt, text=texts.reply(tag, f"{prompt.pk}-{number}"))
            for prompt, tag in zip(prompts, languages, strict=True)
            for number in range(N_ANSWERS)
        ),
        batch_size=1_000,
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def come(n: int) -> None:
    """Sign people in, and print their session cookies and ids."""
    sessions, ids = [], []
    for number in range(n):
        user = get_user_model().objects.create_user(f"volunteer-{uuid.uuid4().hex[:8]}-{number}")
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        sessions.append(session.session_key)
        ids.append(user.pk)
    print(json.dumps({"sessions": sessions, "ids": ids}))


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill()
    else:
        come(int(sys.argv[2]))
