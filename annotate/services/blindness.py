"""What would tell a volunteer whose a completion is."""

from collections.abc import Sequence

from annotate.generation.makers import find_maker
from annotate.models import Candidate


def named_maker(*, replies: Sequence[str], candidate: Candidate) -> str:
    """Give the words in which the candidate's replies name it or its maker, or ""."""
    return find_maker("\n\n".join(replies), names=(candidate.name, candidate.model))
