"""My votes: listed in words, shown again as they were, changed while the round is open."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotate.models import Annotator, Comparison, PassageMark, Round, User, Vote
from annotate.services import states, voting
from tests import factories as make
from tests.views.pages import browser_of, cast_votes, count_queries

pytestmark = pytest.mark.django_db

MARK = '{"side": "left", "turn": 1, "start": 2, "end": 5, "tag": "unnatural"}'


def one_pair(user: User, round_: Round, **fields: Any) -> Comparison:
    """Draw a pair of `the **old** cat` on the left and `a dog` on the right."""
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["Which <b>pet</b>?"])
    first, second = round_.candidates.order_by("id")
    left = make.make_completion(first, prompt, replies=["the **old** cat"])
    right = make.make_completion(second, prompt, replies=["a dog"])
    annotator = Annotator.objects.get(user=user)
    return make.make_comparison(left, right, round_=round_, annotator=annotator, **fields)


@pytest.fixture
def round_() -> Round:
    return make.make_open_round(n_prompts=0)


@pytest.fixture
def user(round_: Round) -> User:
    return make.make_volunteer(round_.run)


@pytest.fixture
def client(user: User) -> Client:
    return browser_of(user)


def read(client: Client, comparison: Comparison, **options: Any) -> str:
    answer = client.get(address(comparison), **options)
    assert answer.status_code == 200
    return answer.content.decode()


def address(comparison: Comparison) -> str:
    return f"/rate/{comparison.round.run.slug}/votes/{comparison.token}/"


def listed(client: Client, round_: Round, **options: Any) -> str:
    answer = client.get(f"/rate/{round_.run.slug}/votes/", **options)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("side_a", "outcome", "words"),
    [
        ("left", "a", "A is better"),
        ("right", "a", "B is better"),
        ("left", "b", "B is better"),
        ("right", "b", "A is better"),
        ("right", "tie", "Draw"),
        ("right", "both_bad", "Both bad"),
    ],
)
def test_my_votes_say_the_verdict_by_the_sides_of_then(
    side_a: str, outcome: str, words: str, round_: Round, user: User, client: Client
) -> None:
    make.make_vote(one_pair(user, round_, side_a=side_a), outcome)
    assert f"<strong>{words}</strong>" in listed(client, round_)


def test_my_votes_name_no_candidate_and_escape_the_prompt(
    round_: Round, user: User, client: Client
) -> None:
    comparison = one_pair(user, round_)
    make.make_vote(comparison, degree="clearly", comment="so <i>good</i>")
    html = listed(client, round_) + read(client, comparison)
    for candidate in round_.candidates.all():
        assert candidate.name not in html
    assert "Which &lt;b&gt;pet&lt;/b&gt;?" in html
    assert "so &lt;i&gt;good&lt;/i&gt;" in html
    assert "A clearly better" in html


def test_my_votes_list_skipped_pairs_with_the_reason(
    round_: Round, user: User, client: Client
) -> None:
    comparison = one_pair(user, round_)
    voting.skip_comparison(
        token=comparison.token, annotator=comparison.annotator, reason="cannot_judge"
    )
    assert 'Skipped</strong> <span class="soft">(I can&#x27;t judge this)' in listed(client, round_)
    html = read(client, comparison)
    assert "a dog" in html
    assert "data-comparison" not in html


def test_my_votes_leave_out_practice_and_what_waits(
    round_: Round, user: User, client: Client
) -> None:
    one_pair(user, round_)
    user.annotator.participations.update(practised_at=timezone.now())
    practice = make.make_known_comparison(round_, user.annotator, "practice")
    make.make_vote(practice)
    assert "You have not judged any pair" in listed(client, round_)
    assert client.get(address(practice)).status_code == 404


def test_gold_and_repeats_look_like_any_other_vote(
    round_: Round, user: User, client: Client
) -> None:
    comparison = make.make_known_comparison(round_, user.annotator)
    make.make_vote(comparison)
    html = listed(client, round_) + read(client, comparison)
    assert str(comparison.token) in html
    assert "gold" not in html.replace(str(round_.run.slug), "")


def test_my_votes_are_paged_in_a_fixed_number_of_queries(client: Client, user: User) -> None:
    round_ = make.make_open_round(n_prompts=60)
    make.make_participant(round_.run, user.annotator)
    cast_votes(round_, user.annotator, 3)
    few = count_queries(lambda: listed(client, round_))
    Comparison.objects.update(answered_at=None)
    round_two = make.make_open_round(n_prompts=60)
    make.make_participant(round_two.run, user.annotator)
    cast_votes(round_two, user.annotator, 60)
    assert count_queries(lambda: listed(client, round_two)) == few
    assert listed(client, round_two).count("<strong>A is better") == 50
    second = listed(client, round_two, query_params={"page": 2})
    assert second.count("<strong>A is better") == 10
    assert 'rel="prev" href="?page=1"' in second


def test_anothers_vote_is_unknown(round_: Round, client: Client) -> None:
    comparison = one_pair(make.make_volunteer(round_.run), round_)
    make.make_vote(comparison)
    assert client.get(address(comparison)).status_code == 404
    assert client.post(address(comparison), {"choice": "left"}).status_code == 404
    assert client.post(address(comparison) + "withdraw/").status_code == 404
    assert Vote.objects.standing().count() == 1


def test_vote_is_shown_again_with_its_marks(round_: Round, user: User, client: Client) -> None:
    comparison = one_pair(user, round_)
    vote = make.make_vote(comparison)
    PassageMark.objects.create(vote=vote, which="a", start=6, end=15, tag="unnatural")
    mark = '<mark class="passage" data-tag="unnatural" data-passage="0">'
    html = read(client, comparison)
    assert f"<p>the <strong>{mark}old</mark></strong>{mark} cat</mark></p>" in html
    assert 'old** cat</q> <span class="badge">unnatural' in html
    plain = read(client, comparison, query_params={"view": "plain"})
    assert f">the **{mark}old** cat</mark><" in plain
    assert html.count('name="mark"') == 1


def test_vote_is_changed_with_all_that_belongs_to_it(
    round_: Round, user: User, client: Client
) -> None:
    rules = make.make_rules(round_.run, offers_comment=True)
    for slug in ("wordy", "terse"):
        rules.reasons.add(make.make_reason(slug))
    comparison = one_pair(user, round_, side_a="right")
    make.make_vote(comparison, "a")
    sent = {
        "token": comparison.token, "turn": 0, "choice": "left", "reason_right": "wordy",
        "comment": "It repeats itself.", "mark": MARK,
    }  # fmt: skip
    answer = client.post(address(comparison), sent)
    assert (answer.status_code, answer.headers.get("Location")) == (303, address(comparison))
    vote = Vote.objects.standing().get()
    assert (vote.outcome, vote.reasons_a, vote.comment) == ("b", ["wordy"], sent["comment"])
    assert [(m.which, m.start, m.end, m.tag) for m in vote.marks.all()] == [
        ("b", 2, 5, "unnatural")
    ]
    html = read(client, comparison)
    assert 'name="reason_right" value="wordy" checked' in html
    assert html.count(" checked") == 1
    assert ">It repeats itself.</textarea>" in html
    assert 'value="left" class="left" aria-pressed="true"' in html


def test_change_that_the_run_does_not_offer_is_refused_with_words(
    round_: Round, user: User, client: Client
) -> None:
    make.make_rules(round_.run, offers_tie=False)
    comparison = one_pair(user, round_)
    make.make_vote(comparison)
    answer = client.post(address(comparison), {"token": comparison.token, "choice": "tie"})
    assert answer.status_code == 409
    assert "This run takes no draws" in answer.content.decode()
    assert Vote.objects.standing().get().outcome == "a"
    broken = client.post(address(comparison), {"token": comparison.token, "choice": "maybe"})
    assert broken.status_code == 400


def test_token_of_the_address_is_what_counts(round_: Round, user: User, client: Client) -> None:
    comparison, other = one_pair(user, round_), one_pair(user, round_)
    make.make_vote(comparison)
    make.make_vote(other)
    client.post(address(comparison), {"token": other.token, "choice": "right"})
    assert comparison.votes.standing().get().outcome == "b"
    assert other.votes.standing().get().outcome == "a"


def test_vote_is_taken_back_and_the_pair_comes_again(
    round_: Round, user: User, client: Client
) -> None:
    comparison = one_pair(user, round_)
    make.make_vote(comparison)
    answer = client.post(address(comparison) + "withdraw/", follow=True)
    assert "That pair will be shown to you again." in answer.content.decode()
    assert Vote.objects.standing().count() == 0
    assert Vote.objects.get().withdrawn_by == user
    assert str(comparison.token) in client.get(f"/rate/{round_.run.slug}/").content.decode()


def test_vote_of_a_closed_round_can_only_be_read(round_: Round, user: User, client: Client) -> None:
    comparison = one_pair(user, round_)
    make.make_vote(comparison)
    states.close_round(round_=round_)
    html = read(client, comparison)
    assert "This round has closed" in html
    assert "data-comparison" not in html
    client.post(address(comparison) + "withdraw/")
    client.post(address(comparison), {"token": comparison.token, "choice": "right"})
    assert Vote.objects.standing().get().outcome == "a"


def test_turns_judged_apart_are_shown_one_by_one(round_: Round, user: User, client: Client) -> None:
    make.make_rules(round_.run, judges_each_turn=True)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["One?", "Two?"])
    first, second = (
        make.make_completion(candidate, prompt, replies=["r1", "r2"])
        for candidate in round_.candidates.order_by("id")
    )
    comparison = make.make_comparison(first, second, round_=round_, annotator=user.annotator)
    make.make_vote(comparison, "a", turn=1)
    make.make_vote(comparison, "b", turn=2)
    assert "Question 1: A is better</strong> · <strong>Question 2: B is better" in listed(
        client, round_
    )
    html = read(client, comparison, query_params={"turn": 2})
    assert '<input type="hidden" name="turn" value="2">' in html
    assert "<strong>B is better</strong>" in html
    client.post(
        address(comparison) + "?turn=2", {"token": comparison.token, "turn": 2, "choice": "tie"}
    )
    outcomes = comparison.votes.standing().order_by("turn").values_list("turn", "outcome")
    assert list(outcomes) == [(1, "a"), (2, "tie")]
    client.post(address(comparison) + "withdraw/")
    assert not comparison.votes.standing().exists()
    comparison.refresh_from_db()
    assert voting.next_turn(comparison) == 1


@pytest.mark.parametrize("is_own", [True, False])
def test_text_that_somebody_else_reported_is_hidden(
    is_own: bool, round_: Round, user: User, client: Client
) -> None:
    comparison = one_pair(user, round_)
    vote = make.make_vote(comparison)
    PassageMark.objects.create(vote=vote, which="a", start=0, end=3, tag="unnatural")
    reporter = comparison
    if not is_own:
        reporter = make.make_comparison(
            comparison.completion_a,
            comparison.completion_b,
            round_=round_,
            annotator=make.make_annotator(),
        )
    reporter.reports.create(completion=comparison.completion_a)
    html = read(client, comparison)
    assert ("This text is hidden until somebody has looked at it." in html) is not is_own
    assert ("old</strong>" in html) is is_own
    assert ("<q " in html) is is_own
    assert "a dog" in html
