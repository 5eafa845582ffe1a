"""A dataset's folder to a hub, where a token is set."""

import os
import re
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from annotate.services import errors

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def push_folder(*, folder: Path, repository: str, public: bool = False) -> str:
    """Upload a folder as a dataset of a hub, and give the address of what was committed there.

    The repository is made if it is not there, private unless `public`; one that is there stays as
    visible as it is. The hub is `HF_ENDPOINT`, huggingface.co without it. The token, `HF_TOKEN` or
    the file that `HF_TOKEN_FILE` names, goes to the hub and nowhere else.

    Raises:
        ExportRefused: no token is set, the name cannot be one, or the hub refuses or does not
            answer.
    """
    # It takes half a second, and its cache a folder, from processes that push nothing.
    from huggingface_hub import HfApi  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    if not _REPOSITORY.fullmatch(repository):
        message = _("%(name)s is no name of a repository; write it as OWNER/NAME.")
        raise errors.ExportRefused(message % {"name": repository})
    # Errors of the HTTP library that the hub's own uses, such as a connection that is refused.
    failures: tuple[type[Exception], ...] = (
        *HfHubHTTPError.__bases__, HFValidationError, RuntimeError, OSError,
    )  # fmt: skip
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=_read_token())
    try:
        api.create_repo(repository, repo_type="dataset", private=not public, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            commit_message=f"Dataset of Kurabe: {folder.name}",
        )
    except failures as error:
        message = _("The hub did not take %(name)s: %(why)s")
        told = {"name": repository, "why": " ".join(str(error).split())}
        raise errors.ExportRefused(message % told) from error
    return str(commit.commit_url)


def may_push() -> bool:
    """Tell whether a token is set, so that pushing can be offered."""
    return bool(settings.HF_TOKEN)


def _read_token() -> str:
    token: str = settings.HF_TOKEN
    if not token:
        message = _("Nothing can be pushed to a hub without a token: set HF_TOKEN, or HF_TOKEN_FILE"
                    " to a file that holds it.")  # fmt: skip
        raise errors.ExportRefused(message)
    return token
