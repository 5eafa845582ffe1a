"""Where models may be loaded from: folders under the roots that the operator named, and a hub."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from annotate.services.errors import ModelRefused

# An id on a hub, as hubs spell them: NAME or OWNER/NAME.
_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*", re.ASCII)
_LONGEST_ID = 200  # characters; a folder's name can be no longer than 255


def check_models(*, engine: str, model: str, engine_options: Mapping[str, Any]) -> None:
    """Refuse a model, or a tokenizer of its options, from where nothing may be loaded.

    A server of the engine openai knows its models by names of its own, which lead to no file here.

    Raises:
        ModelRefused: it says what is wrong, and where a model may be.
    """
    if engine != "openai":
        check_model(model)
    elif tokenizer := engine_options.get("tokenizer"):
        check_model(str(tokenizer))


def check_model(model: str) -> None:
    """Refuse a model that is neither an id on a hub nor a folder under one of the roots.

    Links are followed first, so that none leads out. Whether the folder is there is not asked: it
    may be on another machine, whose worker asks it again before anything is loaded.

    Raises:
        ModelRefused: it says what is wrong, and where a model may be.
    """
    told = {"model": _shown(model), "roots": ", ".join(str(root) for root in roots())}
    if any(unicodedata.category(sign)[0] == "C" for sign in model):
        message = _(
            "The model “%(model)s” has signs in its name that cannot be seen; write it without."
        )
        raise ModelRefused(message % told)
    if model.startswith("~"):
        message = _("The model “%(model)s” begins with ~; write the whole path of its folder.")
        raise ModelRefused(message % told)
    is_id = len(model) <= _LONGEST_ID and _HUB_ID.fullmatch(model) and ".." not in model
    if is_id and not Path(model).exists():
        return
    try:
        folder = Path(model).resolve()
    except (OSError, RuntimeError) as error:  # links that lead in a circle
        message = _("The model “%(model)s” is no folder that could be followed: %(error)s")
        raise ModelRefused(message % (told | {"error": error})) from error
    if not any(folder.is_relative_to(root) for root in roots()):
        message = _(
            "The model “%(model)s” is no id on a hub, and no folder from which models may be"
            " loaded: put it under one of %(roots)s, or name its root in MODEL_ROOTS."
        )
        raise ModelRefused(message % told)


def may_load(model: str) -> bool:
    """Tell whether `check_model` takes a model."""
    try:
        check_model(model)
    except ModelRefused:
        return False
    return True


def roots() -> list[Path]:
    """List the folders under which models may lie, first the site's own, in which it trains."""
    named: list[str | Path] = [settings.KURABE_HOME, *settings.MODEL_ROOTS]
    return [Path(root).resolve() for root in named]


def _shown(model: str) -> str:
    """Spell out signs that cannot be seen, so that the refusal shows what is meant."""
    return "".join(
        f"\\u{ord(sign):04x}" if unicodedata.category(sign)[0] == "C" else sign for sign in model
    )
