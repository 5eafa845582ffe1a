"""Excluding an annotator: what counts after it, before it, and when it is undone."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from annotate.models import Annotator, Exclusion, Ranking, Round, SelectionRun
from annotate.ranking import RankingSettings
from annotate.services import errors, exclusions, ledger
from annotate.services.exporting import resolve, votes_of
from annotate.services.exporting.assembling import Assembly
from annotate.services.ledger import take_cutoff
from annotate.services.rankings import recompute, store_rankings
from tests import factories as make
from tests.services.exports import export_votes
from tests.services.test_ledger import held_ledger
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db

SETTINGS = RankingSettings(n_resamples=100, seed=3)


def judged_round() -> tuple[Round, Annotator, Annotator]:
    """Let one annotator prefer a on three prompts, and another b."""
    round_ = make.make_open_round()
    careful, careless = make.make_annotator(name="careful"), make.make_annotator(name="careless")
    for annotator, outcome in ((careful, "a"), (careless, "b")):
        for prompt in round_.run.prompts():
            a, b = prompt.completions.order_by("candidate")
            comparison = make.make_comparison(a, b, round_=round_, annotator=annotator)
            make.make_vote(comparison, outcome)
    return round_, careful, careless


def exclude(run: SelectionRun, annotator: Annotator, **fields: Any) -> Exclusion:
    return exclusions.exclude(**{"run": run, "annotator": annotator, "reason": "spam"} | fields)


def as_bytes(standings: list[dict[str, Any]]) -> bytes:
    return json.dumps(standings, sort_keys=True).encode()


def test_exclude_ranks_again_without_the_votes_and_undoing_brings_them_back() -> None:
    round_, _careful, careless = judged_round()
    run = round_.run
    (before,) = store_rankings(run=run, settings=SETTINGS)
    exclusion = exclude(run, careless)
    without = Ranking.objects.latest("id")
    exclusions.undo_exclusion(exclusion=exclusion, reason="a mistake")
    after = Ranking.objects.latest("id")
    assert [each.n_votes for each in (before, without, after)] == [6, 3, 6]
    assert [each.settings["n_excluded"] for each in (before, without, after)] == [0, 1, 0]
    assert as_bytes(without.standings) != as_bytes(before.standings)
    assert as_bytes(after.standings) == as_bytes(before.standings)
    for ranking in Ranking.objects.all():
        assert as_bytes(recompute(ranking=ranking)) == as_bytes(ranking.standings)


def test_exclude_keeps_who_when_and_why_of_both() -> None:
    round_, _careful, careless = judged_round()
    admin, other = make.make_user("admin"), make.make_user("admin")
    entry = exclude(round_.run, careless, reason=" always right ", by=admin)
    undone = exclusions.undo_exclusion(exclusion=entry, reason="looked again", by=other)
    again = exclude(round_.run, careless, by=other)
    assert list(Exclusion.objects.all()) == [undone, again]
    assert (undone.reason, undone.excluded_by) == ("always right", admin)
    assert (undone.undone_reason, undone.undone_by) == ("looked again", other)
    assert undone.undone_at is not None
    assert undone.number < undone.undone_number < again.number
    assert list(Exclusion.objects.standing()) == [again]


def test_exclude_ranks_nothing_where_nothing_was_ranked() -> None:
    round_, _careful, careless = judged_round()
    exclude(round_.run, careless)
    assert not Ranking.objects.exists()


def test_exclude_ranks_each_kind_of_ranking_again() -> None:
    round_, _careful, careless = judged_round()
    store_rankings(run=round_.run, settings=RankingSettings(prior=0.25))
    store_rankings(run=round_.run, settings=SETTINGS, by="language")
    store_rankings(run=round_.run, settings=SETTINGS, filters={"round": 1})
    store_rankings(run=round_.run, settings=SETTINGS)
    exclude(round_.run, careless)
    new = Ranking.objects.order_by("id")[4:]
    assert [each.filters for each in new] == [
        {"by": "language", "value": "en"},
        {"round": 1},
        {},
    ]
    assert [each.settings["prior"] for each in new] == [0.5, 0.5, 0.5]
    assert [each.n_votes for each in new] == [3, 3, 3]


def test_exclude_leaves_other_runs_alone() -> None:
    round_, _careful, careless = judged_round()
    other = make.make_open_round(n_prompts=1)
    a, b = other.run.prompts().get().completions.order_by("candidate")
    make.make_vote(make.make_comparison(a, b, round_=other, annotator=careless))
    exclude(round_.run, careless)
    (ranking,) = store_rankings(run=other.run, settings=SETTINGS)
    assert (ranking.n_votes, ranking.settings["n_excluded"]) == (1, 0)


def test_exports_leave_the_excluded_out(tmp_path: Path, settings: LazySettings) -> None:
    settings.KURABE_HOME = tmp_path
    round_, careful, careless = judged_round()
    earlier = take_cutoff(run=round_.run)
    exclude(round_.run, careless)
    later = take_cutoff(run=round_.run)
    votes = [
        [
            row["n_votes"]
            for row in Assembly(resolve(votes_of(round_.run.slug, cutoff=cutoff))).rows("train")
        ]
        for cutoff in (earlier, later)
    ]
    assert votes == [[], [1, 1, 1]]
    export_votes(run=round_.run, out=tmp_path / "votes.jsonl")
    lines = (tmp_path / "votes.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["annotator"] for line in lines} == {careful.pseudonym}


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_exclusion_and_undoing_need_a_reason(reason: str) -> None:
    round_, careful, careless = judged_round()
    with pytest.raises(errors.ExclusionRefused, match="reason"):
        exclude(round_.run, careful, reason=reason)
    entry = exclude(round_.run, careless)
    with pytest.raises(errors.ExclusionRefused, match="reason"):
        exclusions.undo_exclusion(exclusion=entry, reason=reason)
    assert list(Exclusion.objects.standing()) == [entry]


def test_exclude_refuses_whoever_is_out_already() -> None:
    round_, _careful, careless = judged_round()
    exclude(round_.run, careless)
    with pytest.raises(errors.ExclusionRefused, match="careless is excluded already"):
        exclude(round_.run, careless)


def test_exclude_refuses_whoever_never_voted_in_the_run() -> None:
    round_, _careful, _careless = judged_round()
    with pytest.raises(errors.ExclusionRefused, match="judged nothing in this run"):
        exclude(round_.run, make.make_annotator())


def test_undo_refuses_a_second_time() -> None:
    round_, _careful, careless = judged_round()
    entry = exclude(round_.run, careless)
    exclusions.undo_exclusion(exclusion=entry, reason="once")
    with pytest.raises(errors.ExclusionRefused, match="undone before"):
        exclusions.undo_exclusion(exclusion=entry, reason="twice")


def test_find_annotator_by_name_or_pseudonym() -> None:
    round_, careful, careless = judged_round()
    assert exclusions.find_annotator(run=round_.run, told="careful") == careful
    assert exclusions.find_annotator(run=round_.run, told=careless.pseudonym) == careless
    with pytest.raises(errors.ExclusionRefused, match="no annotator 'carefull'; it has: 'careful'"):
        exclusions.find_annotator(run=round_.run, told="carefull")


def test_find_annotator_refuses_a_name_of_two() -> None:
    round_, careful, careless = judged_round()
    Annotator.objects.filter(pk=careless.pk).update(name="careful")
    with pytest.raises(errors.ExclusionRefused, match="has 2 annotators 'careful'") as refusal:
        exclusions.find_annotator(run=round_.run, told="careful")
    assert careful.pseudonym in str(refusal.value)
    assert careless.pseudonym in str(refusal.value)


@pytest.mark.django_db(transaction=True)
def test_two_admins_exclude_at_once_and_one_is_told() -> None:
    round_, _careful, careless = judged_round()

    def try_it() -> str:
        try:
            exclude(round_.run, careless)
        except errors.ExclusionRefused as refusal:
            return str(refusal)
        return "done"

    assert sorted(at_once(try_it, try_it)) == ["careless is excluded already.", "done"]
    assert Exclusion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_exclude_says_that_nothing_was_ranked_while_votes_are_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    round_, _careful, careless = judged_round()
    store_rankings(run=round_.run, settings=SETTINGS)
    monkeypatch.setattr(ledger, "CUTOFF_TIMEOUT_MS", 200)
    with held_ledger(round_.run_id), pytest.raises(errors.NotRankedAgain, match="being imported"):
        exclude(round_.run, careless)
    assert (Exclusion.objects.standing().count(), Ranking.objects.count()) == (1, 1)
