"""What a dataset holds, line by line."""

from collections.abc import Iterator, Mapping
from typing import Any

from annotate.services.exporting import Recipe, describe_left_out, say_warnings


def tell_counts(recipe: Recipe, counts: Mapping[str, Any]) -> Iterator[str]:
    """Say how many rows there are and of what, what was left out, and what warns."""
    left_out = describe_left_out(counts)
    tested = f", {counts['test_rows']} to test on" if counts["test_rows"] else ""
    yield (
        f"{counts['rows']} rows of form {recipe.form}{tested}"
        + (f"; left out: {left_out}" if left_out else "")
    )
    if len(recipe.sources) > 1:
        rows = ", ".join(f"{name} {n}" for name, n in counts["sources"].items())
        yield f"by source: {rows}"
    for what in ("languages", "votes", "annotators"):
        if counts[what]:
            yield f"{what}: " + ", ".join(f"{name} {n}" for name, n in counts[what].items())
    if counts["rows_with_judges"]:
        yield f"rows with votes of LLM judges: {counts['rows_with_judges']}"
    agreement = counts["agreement"]
    if agreement["raw"] is not None:
        alpha = "" if agreement["alpha"] is None else f", alpha {agreement['alpha']:.2f}"
        yield (
            f"agreement on {agreement['pairs']} pairs that several judged:"
            f" {agreement['raw']:.0%}{alpha}"
        )
    for warning in say_warnings(counts):
        yield f"warning: {warning}"
