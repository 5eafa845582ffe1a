"""What pairs of candidates are drawn by: the newest estimate from memory, and what came since."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from annotate.models import Annotator, Comparison, Round, RoundEstimate
from annotate.ranking.posterior import PairChances
from annotate.services import errors, estimating, exclusions, pairing, texts, voting
from annotate.services.fields import Field, read_field
from annotate.services.memory import Newest
from annotate.services.pairing import Estimate
from tests import factories as make
from tests.services.test_estimating import cast, set_decision, settle
from tests.services.threads import at_once
from tests.views.pages import count_queries

pytestmark = pytest.mark.django_db


def refresh(round_: Round) -> RoundEstimate:
    """Look at a round whose comparisons are all some minutes old."""
    settle(round_)
    return estimating.refresh_estimate(round_=round_)


def field_of(round_: Round, annotator: Annotator | None = None) -> Field:
    return read_field(pairing.look_at(round_), annotator or make.make_annotator())


def lease(round_: Round, annotator: Annotator | None = None) -> Comparison:
    return voting.lease_comparison(round_=round_, annotator=annotator or make.make_annotator())


def test_a_round_that_nobody_looked_at_is_counted() -> None:
    round_ = make.make_open_round(n_candidates=3)
    assert field_of(round_).met.tolist() == [[0, 0, 0]] * 3
    cast(round_, make.make_annotator(), 0, 2)
    lease(round_)
    field = field_of(round_)
    assert (field.n_taken, field.met[0, 2], field.met[2, 0]) == (2, 1, 1)
    assert field.cells == {("en", ""): 2}
    assert (field.chances, field.allowed) == (None, None)


def test_what_was_drawn_since_the_last_look_is_added_to_it() -> None:
    round_ = make.make_open_round(n_candidates=3)
    for _person in range(4):
        cast(round_, make.make_annotator(), 0, 1)
    estimate = refresh(round_)
    assert estimate.last_comparison == Comparison.objects.latest("id").pk
    cast(round_, make.make_annotator(), 1, 2)
    field = field_of(round_)
    assert field.met.tolist() == [[0, 4, 0], [4, 0, 1], [0, 1, 0]]
    assert field.candidate_met.tolist() == [4, 5, 1]
    assert field.chances is not None


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_a_lease_counts_until_it_runs_out(is_looked_at: bool) -> None:
    round_ = make.make_open_round(n_prompts=2, votes_wanted=1)
    held = lease(round_)
    if is_looked_at:
        assert Estimate.of(refresh(round_)).open[:, 0].tolist() == [held.pk]
    with pytest.raises(errors.VotesComplete):
        lease(round_)
    Comparison.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    again = lease(round_)
    assert again.annotator != held.annotator
    if is_looked_at:
        Comparison.objects.exclude(pk=again.pk).update(created_at=again.created_at)
        assert Estimate.of(refresh(round_)).open[:, 0].tolist() == [again.pk]


def test_a_lease_that_lasts_keeps_no_other_comparison_from_being_settled() -> None:
    round_ = make.make_open_round(n_candidates=3)
    held = lease(round_)
    for _person in range(4):
        cast(round_, make.make_annotator(), 0, 1)
    estimate = Estimate.of(refresh(round_))
    assert estimate.last_comparison == Comparison.objects.latest("id").pk
    assert (estimate.met.sum(), estimate.open[:, 0].tolist()) == (2 * 4, [held.pk])
    assert field_of(round_).n_taken == 4 + 1
    voting.record_vote(token=held.token, annotator=held.annotator, choice="left")
    assert field_of(round_).n_taken == 4 + 1
    estimate = Estimate.of(refresh(round_))
    assert (estimate.met.sum(), len(estimate.open)) == (2 * (4 + 1), 0)
    assert field_of(round_).n_taken == 4 + 1


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_between_looks_every_meeting_is_counted_once(seed: int) -> None:
    """What a process keeps, with what came since, is what is in the database."""
    rng = np.random.default_rng(seed)
    round_ = make.make_open_round(n_candidates=3, n_prompts=8)
    people = [make.make_annotator() for _person in range(5)]
    for step in rng.choice(["lease", "vote", "look", "skip", "run out"], size=60):
        annotator = people[rng.integers(len(people))]
        waits = Comparison.objects.unanswered().filter(annotator=annotator).first()
        with suppress(errors.NothingLeft):
            if step == "lease":
                voting.lease_comparison(round_=round_, annotator=annotator)
        if step == "look":
            refresh(round_)
        elif waits is None:
            continue
        elif step == "vote":
            voting.record_vote(token=waits.token, annotator=annotator, choice="left")
        elif step == "skip":
            voting.skip_comparison(token=waits.token, annotator=annotator, reason="broken_text")
        elif step == "run out":  # a vote that still comes counts at the next look: see below
            waits.lease_expires_at = timezone.now() - timedelta(seconds=1)
            waits.save()
            people[people.index(annotator)] = make.make_annotator()
        now = pairing.look_at(round_)
        field = read_field(now, people[0])
        met = Counter(pairing.taken_for_ranking(round_).values_list("candidate_a", "candidate_b"))
        for (a, b), n in met.items():
            two = now.candidates.index(a), now.candidates.index(b)
            assert field.met[two] == n
            assert texts._match(now, (a, b), field, 0.0).n.sum() == n
        assert field.n_taken == met.total()


def test_a_vote_after_its_lease_ran_out_counts_at_the_next_look() -> None:
    round_ = make.make_open_round(n_prompts=2)
    late = lease(round_)
    Comparison.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    refresh(round_)
    assert field_of(round_).n_taken == 0
    voting.record_vote(token=late.token, annotator=late.annotator, choice="left")
    refresh(round_)
    assert field_of(round_).n_taken == 1


@pytest.mark.counts_later
def test_an_estimate_is_read_once_in_each_version() -> None:
    """With it what came since, and which texts there are and how many; then what was given."""
    round_ = make.make_open_round()
    cast(round_, make.make_annotator(), 0, 1)
    refresh(round_)
    annotator = make.make_annotator()
    now = pairing.look_at(round_)
    assert [count_queries(lambda: read_field(now, annotator)) for _draw in range(3)] == [
        5, 1, 1,
    ]  # fmt: skip
    refresh(round_)
    newer = pairing.look_at(round_)
    assert newer.stamp is not None
    assert now.stamp is not None
    assert newer.stamp[0] == now.stamp[0] + 1
    assert [count_queries(lambda: read_field(newer, annotator)) for _draw in range(2)] == [
        4, 1,
    ]  # fmt: skip


def test_memory_forgets_the_round_used_longest_ago() -> None:
    memory = Newest[pairing.Estimate](pairing.ROUNDS_KEPT)
    estimate, stamp = Estimate.empty((1, 2)), (1, timezone.now())
    for number in range(pairing.ROUNDS_KEPT):
        memory.keep(number, stamp, estimate)
    assert memory.find(0, stamp) is estimate
    memory.keep(pairing.ROUNDS_KEPT, stamp, estimate)
    assert memory.find(0, stamp) is estimate
    assert memory.find(1, stamp) is None


def test_memory_keeps_the_newer_of_two_versions() -> None:
    memory = Newest[pairing.Estimate](pairing.ROUNDS_KEPT)
    now = timezone.now()
    old, new = Estimate.empty((1, 2)), Estimate.empty((1, 2))
    memory.keep(1, (2, now), new)
    memory.keep(1, (1, now - timedelta(minutes=1)), old)
    assert memory.find(1, (2, now)) is new
    assert memory.find(1, (1, now - timedelta(minutes=1))) is None


def test_an_estimate_from_before_an_exclusion_is_not_used() -> None:
    round_ = make.make_open_round(n_prompts=3, votes_wanted=2)
    careless = make.make_annotator()
    for prompt in range(2):
        cast(round_, careless, 0, 1, prompt=prompt)
    refresh(round_)
    with pytest.raises(errors.VotesComplete):
        lease(round_)
    exclusion = exclusions.exclude(run=round_.run, annotator=careless, reason="careless")
    assert pairing.look_at(round_).stamp is None
    assert field_of(round_).n_taken == 0
    refresh(round_)
    assert pairing.look_at(round_).stamp is not None
    assert field_of(round_).n_taken == 0
    exclusions.undo_exclusion(exclusion=exclusion, reason="a mistake")
    assert field_of(round_).n_taken == 2


def test_looks_that_add_to_the_last_one_count_as_one_from_the_beginning() -> None:
    """Votes, one taken back, a lease that ran out and a vote that came after it, an exclusion."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=6)
    people = [make.make_annotator() for _person in range(6)]
    late = lease(round_, people[5])
    Comparison.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    def judge(annotator: Annotator) -> None:
        current = lease(round_, annotator)
        voting.record_vote(token=current.token, annotator=annotator, choice="left")

    def answer_late() -> None:
        voting.record_vote(token=late.token, annotator=late.annotator, choice="left")

    for step in (
        lambda: judge(people[0]),
        lambda: judge(people[1]),
        lambda: voting.undo_vote(run=round_.run, annotator=people[0]),
        lambda: judge(people[2]),
        answer_late,
        lambda: exclusions.exclude(run=round_.run, annotator=people[1], reason="careless"),
        lambda: judge(people[3]),
    ):
        step()
        added = Estimate.of(refresh(round_))
        RoundEstimate.objects.all().delete()
        counted = Estimate.of(refresh(round_))
        assert (added.met == counted.met).all()
        assert (added.cells, added.last_comparison) == (counted.cells, counted.last_comparison)


def test_candidates_that_join_an_open_round_are_drawn_at_once() -> None:
    round_ = make.make_open_round(n_prompts=3)
    for prompt in range(3):
        cast(round_, make.make_annotator(), 0, 1, prompt=prompt)
    refresh(round_)
    newcomer = make.make_candidate(round_.run)
    for prompt in round_.prompts():
        make.make_completion(newcomer, prompt)
    round_.candidates.add(newcomer)
    field = field_of(round_)
    assert field.candidates[-1] == newcomer.pk
    assert field.met.tolist() == [[0, 3, 0], [3, 0, 0], [0, 0, 0]]
    assert newcomer in (lease(round_).candidate_a, lease(round_).candidate_b)


def test_arrays_come_back_as_they_were_stored() -> None:
    rng = np.random.default_rng(0)
    met = rng.integers(0, 9, (4, 4)).astype(np.int32)
    estimate = Estimate(
        candidates=(3, 5, 8, 13),
        last_comparison=99,
        open=np.array([[70, 3, 5], [98, 5, 8]]),
        met=met + met.T,
        cells=Counter({("ja", ""): 3, ("zh-Hant", "数学"): 12}),
        chances=PairChances(np.array([[0, 1], [1, 3]]), np.array([0.25, 0.75])),
        available={"ja": np.full((4, 4), 7, np.uint16), "zh-Hant": np.eye(4, dtype=np.uint16)},
    )
    stored = RoundEstimate(
        candidates=list(estimate.candidates), last_comparison=99, arrays=estimate.to_bytes()
    )
    read = Estimate.of(stored)
    assert (read.candidates, read.last_comparison, read.cells) == (
        (3, 5, 8, 13),
        99,
        estimate.cells,
    )
    assert (read.met == estimate.met).all()
    assert (read.open == estimate.open).all()
    assert read.chances is not None
    assert read.chances.of(1, 3) == 0.75
    assert list(read.available) == ["ja", "zh-Hant"]
    assert (read.available["zh-Hant"] == np.eye(4)).all()


def test_pairs_that_an_annotator_has_used_up_are_not_drawn_for_them() -> None:
    """Which of them is left, and with what chance, is known before anything is drawn."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=2)
    annotator = make.make_annotator()
    for prompt in range(2):
        cast(round_, annotator, 0, 1, prompt=prompt)
    cast(round_, annotator, 0, 2)
    refresh(round_)
    field = field_of(round_, annotator)
    assert field.allowed is not None
    assert field.allowed.tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    assert field_of(round_).allowed is None
    assert lease(round_, annotator).propensity == 1 / 2
    assert lease(round_).propensity == 1 / 3


def test_pairs_without_a_text_in_the_annotators_languages_are_not_drawn() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=1)
    japanese = make.make_prompt(round_.run.prompt_sets.get(), language="ja-JP")
    candidates = list(round_.candidates.order_by("id"))
    for candidate in candidates[1:]:
        make.make_completion(candidate, japanese)
    refresh(round_)
    for languages, allowed in {
        ("en", "ja"): None,
        ("ja",): [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
        ("fr",): [[0, 0, 0]] * 3,
    }.items():
        field = field_of(round_, make.make_annotator(languages=list(languages)))
        assert (None if field.allowed is None else field.allowed.tolist()) == allowed
    with pytest.raises(errors.NotYourLanguage, match="in: English, Japanese"):
        lease(round_, make.make_annotator(languages=["fr"]))
    drawn = lease(round_, make.make_annotator(languages=["ja"]))
    assert (drawn.candidate_a, drawn.candidate_b) == tuple(candidates[1:])
    assert drawn.propensity == 1


def test_available_pairs_are_those_that_can_be_drawn() -> None:
    """One text is reported, one names its maker, two are equal, and there are two samples."""
    round_ = make.make_open_round(n_candidates=3, n_prompts=0, n_samples=1)
    make.make_rules(round_.run, leaves_out_maker_names=True)
    first, second, third = round_.candidates.order_by("id")
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    for sample in range(2):
        make.make_completion(first, prompt, sample=sample)
    make.make_completion(second, prompt, replies=["the same"])
    make.make_completion(second, prompt, sample=1)
    make.make_completion(third, prompt, replies=["the  same "])
    make.make_completion(third, prompt, sample=1, names_maker="made by Acme")
    estimate = Estimate.of(refresh(round_))
    assert estimate.available["en"].tolist() == [[0, 4, 2], [4, 0, 1], [2, 1, 0]]
    annotator, n_drawn = make.make_annotator(), 0
    while True:
        try:
            comparison = lease(round_, annotator)
        except errors.AllSeen:
            break
        voting.record_vote(token=comparison.token, annotator=annotator, choice="left")
        n_drawn += 1
    assert n_drawn == 4 + 2 + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("policy", ["uniform", "balanced", "adaptive"])
def test_many_draw_and_vote_at_once_while_looks_are_made(policy: str) -> None:
    """No comparison is lost or doubled, and none waits when all have voted."""
    round_ = make.make_open_round(n_candidates=4, n_prompts=12)
    set_decision(round_.run, policy=policy, warm_up=2)
    people = [make.make_annotator() for _person in range(6)]

    def rate(annotator: Annotator) -> None:
        rng = np.random.default_rng(annotator.pk)
        for _vote in range(9):
            current = voting.lease_comparison(round_=round_, annotator=annotator, rng=rng)
            voting.lease_ahead(round_=round_, annotator=annotator, after=current, rng=rng)
            choice = "left" if rng.random() < 0.5 else "tie"
            voting.record_vote(token=current.token, annotator=annotator, choice=choice)

    def look() -> None:
        for _time in range(6):
            with suppress(errors.LedgerBusy):  # a worker comes back later
                estimating.refresh_estimate(round_=round_)

    at_once(*[lambda person=person: rate(person) for person in people], look)  # type: ignore[misc]
    assert Comparison.objects.judged().count() == 6 * 9
    assert Comparison.objects.unanswered().count() == 6  # the one that each has fetched ahead
    shown = Comparison.objects.values_list("annotator", "completion_a", "completion_b")
    assert len(set(shown)) == len(shown) == 6 * 10
    assert all(
        0 < chance <= 1 for chance in Comparison.objects.values_list("propensity", flat=True)
    )
    assert field_of(round_).n_taken == 60
    assert refresh(round_).n_votes == 54
    assert field_of(round_).n_taken == 60
    unanswered = Comparison.objects.unanswered()
    unanswered.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert field_of(round_).n_taken == 54
    refresh(round_)
    assert field_of(round_).n_taken == 54


def test_many_volunteers_with_a_pair_each_spread_over_all_pairs() -> None:
    """None has voted yet and the look is older than all of them, but what they hold counts."""
    round_ = make.make_open_round(n_candidates=4, n_prompts=6)
    refresh(round_)
    for _person in range(24):
        lease(round_)
    assert field_of(round_).met[np.triu_indices(4, k=1)].tolist() == [4] * 6
