"""Who votes: under an account, or known by a signed cookie alone."""

import secrets
import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from annotate.models import Annotator, User
from annotate.services import errors

BOARD_NAME_LENGTH = Annotator._meta.get_field("board_name").max_length or 0


def annotator_of(*, user: User) -> Annotator:
    """Give the annotator who votes under this account; the first call makes it."""
    annotator = Annotator.objects.filter(user=user).first()
    if annotator is None:
        name = user.get_username()
        if Annotator.objects.filter(source="", name=name).exists():
            name = f"{name} ({user.pk})"  # votes of an earlier account stand under the name
        annotator, _created = Annotator.objects.get_or_create(
            user=user, defaults={"kind": Annotator.Kind.PERSON, "name": name}
        )
    return annotator


def make_anonymous(*, key: uuid.UUID | None = None) -> Annotator:
    """Make a person of whom nothing is known but the cookie that comes back.

    `key` names the page on which they pressed Start: pressed twice, it makes one person.
    """
    digest = salted_hmac("kurabe.newcomer", str(key or uuid.uuid4())).hexdigest()
    annotator, _created = Annotator.objects.get_or_create(
        pseudonym=f"annotator-{digest[:12]}",
        defaults={
            "kind": Annotator.Kind.PERSON,
            "name": f"anonymous {secrets.token_hex(3)}",
        },
    )
    return annotator


def declare_languages(*, annotator: Annotator, languages: Sequence[str]) -> None:
    """Keep which languages the annotator reads; only prompts in these are shown.

    Raises:
        NoLanguage: the list is empty.
    """
    if not languages:
        raise errors.NoLanguage(_("Choose at least one language that you read."))
    annotator.languages = list(dict.fromkeys(languages))
    annotator.save(update_fields=["languages"])


def join_board(*, annotator: Annotator, name: str) -> None:
    """Put the annotator on the board of volunteers under this name.

    Raises:
        NameRefused: the name is empty, too long, or somebody else's.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= BOARD_NAME_LENGTH:
        raise errors.NameRefused(
            _("A name on the board has 1 to %(longest)d characters.")
            % {"longest": BOARD_NAME_LENGTH}
        )
    annotator.board_name = name
    try:
        with transaction.atomic():
            annotator.save(update_fields=["board_name"])
    except IntegrityError as error:
        raise errors.NameRefused(
            _("Somebody on the board has this name; choose another.")
        ) from error


def leave_board(*, annotator: Annotator) -> None:
    """Take the annotator's name off the board."""
    annotator.board_name = ""
    annotator.save(update_fields=["board_name"])
