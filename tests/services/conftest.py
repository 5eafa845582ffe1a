"""What tests of several services look at."""

from pathlib import Path

import pytest

from annotate.formats import read_completions, read_votes
from annotate.models import SelectionRun
from annotate.services.importing import import_completions, import_votes


@pytest.fixture
def crowd_of_llmfao(real_data: Path, db: None) -> SelectionRun:
    """Import a crowd's 8,931 votes."""
    folder = real_data / "llmfao"
    if not folder.is_dir():
        pytest.skip(f"no LLMFAO votes at {folder}; set KURABE_REAL_DATA")
    rows = read_completions([str(folder / "results.jsonl")], format="llmfao")
    import_completions(rows=rows, run_slug="crowd", set_slug="crowd")
    run = SelectionRun.objects.get(slug="crowd")
    import_votes(rows=read_votes(str(folder / "crowd-comparisons.csv"), format="llmfao"), run=run)
    return run
