"""Turn votes into datasets, each with its lineage."""

from annotate.services.exporting.datasets import (
    draft_dataset,
    export_dataset,
    recipe_of,
    say_empty,
    votes_behind,
)
from annotate.services.exporting.figures import (
    REASONS,
    describe_left_out,
    left_out_of,
    say_warnings,
)
from annotate.services.exporting.files import (
    ENDINGS,
    ensure_file,
    needs_worker,
    path_of,
    read_rows,
    splits_of,
    takes_long,
)
from annotate.services.exporting.previewing import Preview, preview
from annotate.services.exporting.reading import LEAKED_ABOVE
from annotate.services.exporting.recipe import (
    ImportedPairs,
    Recipe,
    RunVotes,
    read_recipe,
    votes_of,
)
from annotate.services.exporting.regenerate import both_bad_lines, write_both_bad
from annotate.services.exporting.resolving import check_names, resolve
from annotate.services.exporting.votes import rows_of_votes, stream_votes
from annotate.services.exporting.work import (
    fail_export,
    request_export,
    request_file,
    run_export,
    say_failure,
)

# Whose votes count: people's (simulated annotators stand for people), LLM judges', or both's.
VOTERS = ("people", "judges", "together")

__all__ = [
    "ENDINGS",
    "LEAKED_ABOVE",
    "REASONS",
    "VOTERS",
    "ImportedPairs",
    "Preview",
    "Recipe",
    "RunVotes",
    "both_bad_lines",
    "check_names",
    "describe_left_out",
    "draft_dataset",
    "ensure_file",
    "export_dataset",
    "fail_export",
    "left_out_of",
    "needs_worker",
    "path_of",
    "preview",
    "read_recipe",
    "read_rows",
    "recipe_of",
    "request_export",
    "request_file",
    "resolve",
    "rows_of_votes",
    "run_export",
    "say_empty",
    "say_failure",
    "say_warnings",
    "splits_of",
    "stream_votes",
    "takes_long",
    "votes_behind",
    "votes_of",
    "write_both_bad",
]
