"""Where checkpoints and datasets come from, and what votes went into."""

from annotate.services.lineage.chains import (
    DATASETS_SHOWN,
    of_candidate,
    of_dataset,
    of_vote,
    uses_of,
)
from annotate.services.lineage.in_file import Place, find_place
from annotate.services.lineage.licences import Licence, find_bound
from annotate.services.lineage.told import (
    CandidateLineage,
    DatasetLineage,
    DatasetPart,
    Lineage,
    VoteLineage,
)
from annotate.services.lineage.voters import VoteCounts
from annotate.services.lineage.withdrawn import (
    Withdrawn,
    votes_of_source,
    withdrawn_by_candidate,
    withdrawn_by_dataset,
    withdrawn_since,
)

__all__ = [
    "DATASETS_SHOWN",
    "CandidateLineage",
    "DatasetLineage",
    "DatasetPart",
    "Licence",
    "Lineage",
    "Place",
    "VoteCounts",
    "VoteLineage",
    "Withdrawn",
    "find_bound",
    "find_place",
    "of_candidate",
    "of_dataset",
    "of_vote",
    "uses_of",
    "votes_of_source",
    "withdrawn_by_candidate",
    "withdrawn_by_dataset",
    "withdrawn_since",
]
