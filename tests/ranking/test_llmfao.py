"""Real crowd votes give the strengths that two independent public libraries give."""

from pathlib import Path

import pytest

from annotate.ranking import RankingFit, RankingSettings, rank_candidates
from benchmarks.ranking.llmfao_votes import LlmfaoVotes, read_llmfao


@pytest.fixture(scope="module")
def llmfao(real_data: Path) -> LlmfaoVotes:
    folder = real_data / "llmfao"
    if not folder.is_dir():
        pytest.skip(f"no LLMFAO votes at {folder}; set KURABE_REAL_DATA")
    return read_llmfao(folder)


def rank(llmfao: LlmfaoVotes, prior: float) -> RankingFit:
    settings = RankingSettings(prior=prior)
    n_candidates = len(llmfao.names)
    return rank_candidates(**llmfao.columns, n_candidates=n_candidates, settings=settings)


def test_llmfao_agrees_with_two_public_libraries(llmfao: LlmfaoVotes) -> None:
    fit = rank(llmfao, prior=0)
    found = {llmfao.names[row.candidate]: row.strength for row in fit.standings}
    assert found.keys() == llmfao.reference.keys()
    for name, (by_choix, by_evalica) in llmfao.reference.items():
        assert found[name] == pytest.approx(by_choix, abs=1e-6)
        assert found[name] == pytest.approx(by_evalica, abs=1e-6)


def test_llmfao_counts_every_vote(llmfao: LlmfaoVotes) -> None:
    fit = rank(llmfao, prior=0)
    assert (fit.n_votes, fit.n_annotators, fit.interval_method) == (8931, 124, "cr3")
    assert sum(row.ties for row in fit.standings) == 2 * 3471
    assert sum(row.wins for row in fit.standings) == 2911 + 2549


def test_llmfao_phantom_moves_no_strength_far(llmfao: LlmfaoVotes) -> None:
    free, held = rank(llmfao, prior=0), rank(llmfao, prior=0.5)
    before = {row.candidate: row.strength for row in free.standings}
    for row in held.standings:
        # 150 votes a candidate and more: half a win each way is lost among them.
        assert row.strength == pytest.approx(before[row.candidate], abs=0.01)
