"""A run's decision: what it says, that it is honest about proof, and that it comes out again."""

import json
from typing import Any

import pytest
from scipy.special import expit

from annotate.models import (
    Candidate,
    DecisionRules,
    Prompt,
    Round,
    RunDecision,
    RunEvent,
    SelectionRun,
    Stop,
)
from annotate.services import deciding, errors, exclusions
from annotate.services.canonical import hash_content, write_canonical
from annotate.services.deciding import (
    compute_again,
    decide_run,
    may_decide,
)
from annotate.services.states import cancel_run
from benchmarks.ranking.worlds import World
from tests import factories as make
from tests.services.deciding.polls import decided, open_grid, poll, prefer_first
from tests.services.figures.crowds import cast_crowd, open_round
from tests.services.threads import at_once

pytestmark = pytest.mark.django_db


def test_a_clear_best_is_chosen_with_its_checkpoint_and_its_temperature() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=44, favours=prefer_first)
    content = decided(round_.run).content
    choice = content["choice"]
    first = round_.candidates.order_by("id")[0]
    chosen = next(each for each in content["basis"]["contenders"] if each["id"] == first.pk)
    assert choice["candidate"] == first.pk
    assert (choice["verdict"], choice["proven_by"]) == ("best", "votes")
    assert (chosen["checkpoint"], chosen["temperature"]) == ("shisa-a", 0.2)
    assert choice["closest"]["e_value"] >= choice["needed"] == 20
    assert choice["not_beaten"] == []
    assert choice["reasons"] == []
    assert content["votes"] == {"person": {"votes": 264, "annotators": 44}}


def test_a_decision_is_computed_again_to_the_byte_whatever_came_after_it() -> None:
    round_ = open_grid()
    run = round_.run
    poll(round_, n_annotators=6, favours=prefer_first)
    decision = decided(run)
    before = write_canonical(decision.content)
    poll(round_, n_annotators=2, favours=lambda *_: "b")
    newcomer = make.make_candidate(run, name="a newcomer")
    round_.candidates.add(newcomer)
    voter = round_.comparisons.first().annotator
    exclusions.exclude(run=run, annotator=voter, reason="Too fast.", by=make.make_user("admin"))
    Candidate.objects.filter(pk=newcomer.pk).update(is_anchor=True)
    assert write_canonical(compute_again(decision=decision)) == before
    assert hash_content(decision.content) == decision.sha256
    again = decided(run)
    assert (again.number, again.cutoff > decision.cutoff) == (2, True)
    assert again.content["care"]["excluded"] == {"annotators": 1, "votes": 6}
    assert again.sha256 != decision.sha256


def test_what_is_computed_covers_all_that_a_reader_sees_of_the_votes() -> None:
    """Of a content emptied of all but basis and notes, everything else comes out again."""
    round_ = open_grid()
    poll(round_, n_annotators=6, favours=prefer_first)
    decision = decided(round_.run)
    noted = {"schema", "number", "basis", "run", "rules", "rounds", "candidates", "texts",
             "licences", "again"}  # fmt: skip
    emptied = RunDecision(
        run=decision.run, content={name: decision.content[name] for name in noted}
    )
    assert compute_again(decision=emptied) == decision.content


def test_a_small_ledger_gives_these_numbers() -> None:
    """Two candidates, 8 annotators, 6 wins to 2: wins are as many as the strengths foretell."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=4)
    poll(round_, n_annotators=8, favours=lambda a, b, prompt, person: "b" if person > 5 else "a")
    content = decided(round_.run).content
    rows = {row["candidate"]: row for row in content["standings"]}
    first, second = round_.candidates.order_by("id")
    theta = rows[first.pk]["strength"]
    assert rows[second.pk]["strength"] == -theta
    # The phantom of strength 0 takes part with half a win each way.
    left = 6 - 8 * expit(2 * theta) + 0.5 * (1 - 2 * expit(theta))
    assert left == pytest.approx(0, abs=1e-9)
    counts = [[rows[each.pk][name] for name in ("wins", "losses")] for each in (first, second)]
    assert counts == [[6, 2], [2, 6]]
    evidence = content["evidence"][0]
    assert evidence["candidate"] == second.pk
    assert evidence["difference"] == pytest.approx(2 * theta)
    assert evidence["low"] < 0 < evidence["high"]
    choice = content["choice"]
    assert (choice["verdict"], choice["reasons"]) == ("leads", ["little_evidence"])
    assert choice["not_beaten"] == [second.pk]
    levels = [(row["alpha"], row["needed"]) for row in content["surer"]]
    assert levels == [(0.05, 20), (0.01, 100), (0.001, 1000)]
    votes = [row["votes"] for row in content["surer"]]
    assert None not in votes
    assert 0 < votes[0] < votes[1] < votes[2]


def test_few_annotators_prove_nothing_however_they_vote() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=12)
    for _ in range(6):
        poll(round_, n_annotators=1, favours=lambda *_: "a")
    round_.comparisons.update(annotator=round_.comparisons.first().annotator)
    content = decided(round_.run).content
    assert content["choice"]["verdict"] == "leads"
    assert "few_annotators" in content["choice"]["reasons"]
    assert [row["votes"] for row in content["surer"]] == [None, None, None]


def test_equal_strength_is_said_to_be_equal() -> None:
    round_ = make.make_open_round(n_candidates=2, n_prompts=4)
    poll(round_, n_annotators=6, favours=lambda *_: "tie")
    assert decided(round_.run).content["choice"]["verdict"] == "level"


def test_candidates_that_no_votes_join_hold_back_a_proof() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=44, favours=prefer_first)
    stranger = make.make_candidate(round_.run)
    round_.candidates.add(stranger)
    choice = decided(round_.run).content["choice"]
    assert choice["verdict"] == "leads"
    assert choice["unjoined"] == [stranger.pk]
    assert choice["reasons"] == ["not_joined"]


def test_those_who_differ_by_less_than_matters_are_equivalent() -> None:
    round_ = make.make_open_round(n_candidates=3, n_prompts=6)
    DecisionRules.objects.create(run=round_.run, delta=1.5)

    def in_turn(a: int, b: int, prompt: Prompt, person: int) -> str:
        """The first two win by turns against each other, and the third loses to both."""
        return "ab"[person % 2] if b == 1 else prefer_first(a, b, prompt, person)

    poll(round_, n_annotators=121, favours=in_turn)
    first, second, _third = round_.candidates.order_by("id").values_list("pk", flat=True)
    choice = decided(round_.run).content["choice"]
    assert choice["verdict"] == "equivalent"
    assert {choice["candidate"], *choice["not_beaten"]} == {first, second}


def test_a_slice_in_which_another_is_better_beyond_chance_is_told() -> None:
    """In Japanese everybody prefers the last, in English the first, and there is more English."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    for language in ("en", "en", "en", "ja", "ja"):
        prompt = make.make_prompt(round_.run.prompt_sets.get(), language=language, category="chat")
        for candidate in round_.candidates.all():
            make.make_completion(candidate, prompt)

    def by_language(a: int, b: int, prompt: Prompt, person: int) -> str:
        return "ab"[(prompt.language == "ja") ^ (person % 9 == 0)]

    poll(round_, n_annotators=150, favours=by_language)
    content = decided(round_.run).content
    first, second = round_.candidates.order_by("id").values_list("pk", flat=True)
    assert content["choice"]["candidate"] == first
    slices = {each["value"]: each for each in content["slices"]["language"]}
    assert (slices["en"]["differs"], slices["en"]["leader"]["candidate"]) == ("same", first)
    assert (slices["ja"]["differs"], slices["ja"]["leader"]["candidate"]) == ("other", second)
    assert (slices["ja"]["n_votes"] + slices["en"]["n_votes"], len(slices)) == (150, 2)
    # Two languages and one rival: two questions share the 5 %. One category asks nothing.
    assert content["slices"]["n_questions"] == 2
    assert content["slices"]["needed"] == 40
    assert slices["ja"]["ahead"]["e_value"] >= 40
    assert [each["value"] for each in content["slices"]["category"]] == ["chat"]


def test_margins_say_which_checkpoint_and_which_temperature() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=40, favours=prefer_first)
    grid = decided(round_.run).content["grid"]
    assert grid["gap"] is None
    best = grid["best"]
    assert (best["checkpoint"]["line"], best["temperature"]["line"]) == ("shisa-a", 0.2)
    assert best["checkpoint"]["is_beyond_chance"]
    assert [row[0] for row in grid["margins"]["temperature"]["rows"]] == [0.2, 1.0]
    # Order by place, 0 > 1 > 2 > 3, is next to additive.
    assert not grid["interaction"]["is_seen"]


def test_an_interaction_is_seen_where_each_checkpoint_has_its_own_temperature() -> None:
    """The checkpoint shisa-a is the better one at .2, and shisa-b at 1.0."""
    round_ = open_grid()

    def crossed(a: int, b: int, prompt: Prompt, person: int) -> str:
        first, second = (("0.2" in name) == ("shisa-a" in name) for name in (names[a], names[b]))
        if first == second:
            return "ab"[person % 2]
        return "a" if first != (person % 9 == 0) else "b"

    names = list(round_.candidates.order_by("id").values_list("name", flat=True))
    poll(round_, n_annotators=60, favours=crossed)
    interaction = decided(round_.run).content["grid"]["interaction"]
    assert interaction["is_seen"]
    assert abs(interaction["departure"]) > 0.3


def test_one_temperature_has_no_margins() -> None:
    round_ = open_grid(temperatures=(0.7,))
    poll(round_, n_annotators=3, favours=prefer_first)
    grid = decided(round_.run).content["grid"]
    assert (grid["gap"], grid["best"]) == ("one_temperature", None)


def test_people_decide_and_the_other_kinds_stand_beside() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=12, favours=prefer_first)
    poll(round_, n_annotators=3, favours=lambda *_: "b", kind="judge")
    poll(round_, n_annotators=9, favours=lambda *_: "b", kind="simulated")
    content = decided(round_.run).content
    first, *_others, last = round_.candidates.order_by("id").values_list("pk", flat=True)
    assert content["basis"]["decided_by"] == "person"
    assert content["choice"]["candidate"] == first
    assert content["choice"]["votes"] == 36
    leaders = {row["kind"]: row["leader"]["candidate"] for row in content["kinds"]["rows"]}
    assert leaders == {"judge": last, "person": first, "simulated": last}
    assert {kind: counts["votes"] for kind, counts in content["votes"].items()} == {
        "judge": 18, "person": 72, "simulated": 54
    }  # fmt: skip
    [people_and_judges] = [
        row for row in content["kinds"]["agreement"]
        if {row["kind"], row["other_kind"]} == {"person", "judge"}
    ]  # fmt: skip
    assert people_and_judges["tau"] == -1
    assert people_and_judges["units"] > 0
    assert people_and_judges["kappa"] <= 0


def test_simulated_annotators_decide_where_nobody_else_voted() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=3, favours=prefer_first, kind="simulated")
    assert decided(round_.run).content["basis"]["decided_by"] == "simulated"


def test_judges_alone_decide_no_run() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=3, favours=prefer_first, kind="judge")
    with pytest.raises(errors.NothingToDecide, match="judges decide no run"):
        decide_run(run=round_.run)


def test_a_run_without_votes_is_not_decided() -> None:
    round_ = open_grid()
    with pytest.raises(errors.NothingToDecide, match="No vote of run"):
        decide_run(run=round_.run)
    round_.run.refresh_from_db()
    assert round_.run.state == SelectionRun.State.VOTING
    assert not RunDecision.objects.exists()


def test_deciding_moves_the_run_and_is_in_its_log() -> None:
    round_ = open_grid()
    run, admin = round_.run, make.make_user("admin")
    poll(round_, n_annotators=3, favours=prefer_first)
    decision = decided(run, by=admin)
    run.refresh_from_db()
    assert run.state == SelectionRun.State.DECIDED
    event = run.events.get(kind=RunEvent.Kind.DECIDED)
    first = round_.candidates.order_by("id")[0]
    assert event.by == admin
    assert event.detail == {
        "number": 1, "chosen": first.name, "verdict": "leads", "sha256": decision.sha256,
    }  # fmt: skip


def test_deciding_again_without_news_gives_the_decision_that_is_there() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=3, favours=prefer_first)
    decision = decided(round_.run)
    assert not may_decide(round_.run)
    assert decide_run(run=round_.run) == decision
    poll(round_, n_annotators=1, favours=prefer_first)
    assert may_decide(round_.run)
    assert decide_run(run=round_.run).number == 2


def test_a_closed_run_is_not_decided() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=3, favours=prefer_first)
    SelectionRun.objects.filter(pk=round_.run_id).update(state=SelectionRun.State.CLOSED)
    round_.run.refresh_from_db()
    with pytest.raises(errors.WrongState, match="only a run that takes votes"):
        decide_run(run=round_.run)


def test_intervals_hold_at_any_time_where_somebody_looked_before_deciding() -> None:
    fixed, by_hand = open_grid(), open_grid()
    for round_ in (fixed, by_hand):
        poll(round_, n_annotators=8, favours=prefer_first)
    plain = decided(fixed.run).content
    looked = decided(by_hand.run, by=make.make_user("admin")).content
    assert plain["basis"]["why_anytime"] == []
    assert looked["basis"]["why_anytime"] == ["by_hand"]
    widths = [content["choice"]["high"] - content["choice"]["low"] for content in (plain, looked)]
    assert widths[0] < widths[1]


def test_a_budget_that_was_spent_is_a_number_fixed_before() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=8, favours=prefer_first)
    round_.votes_wanted = 48
    round_.save()
    content = decided(round_.run, by=make.make_user("admin")).content
    assert content["basis"]["why_anytime"] == []


def stop_at(round_: Round, leader: int, rivals: list[int]) -> None:
    Stop.objects.create(
        round=round_, reason="best", cutoff=0, n_votes=40,
        evidence={
            "leader": leader, "alpha": 0.05, "delta": None,
            "rivals": [{"candidate": pk} for pk in rivals],
        },
    )  # fmt: skip


def test_what_a_stop_has_proved_stays_proved() -> None:
    round_ = open_grid()
    first, *rivals = round_.candidates.order_by("id").values_list("pk", flat=True)
    poll(round_, n_annotators=3, favours=prefer_first)
    stop_at(round_, first, rivals)
    content = decided(round_.run).content
    assert (content["choice"]["verdict"], content["choice"]["proven_by"]) == ("best", "stop")
    assert content["basis"]["why_anytime"] == ["stopped"]
    assert content["rounds"][0]["stop"]["n_votes"] == 40


def test_a_stop_proves_nothing_against_those_whom_it_did_not_weigh() -> None:
    round_ = open_grid()
    first, *rivals = round_.candidates.order_by("id").values_list("pk", flat=True)
    poll(round_, n_annotators=3, favours=prefer_first)
    stop_at(round_, first, rivals[:-1])
    assert decided(round_.run).content["choice"]["verdict"] == "leads"


def test_an_anchor_is_nobody_that_is_chosen() -> None:
    round_ = open_grid()
    anchor = round_.candidates.order_by("id")[0]
    Candidate.objects.filter(pk=anchor.pk).update(is_anchor=True)
    poll(round_, n_annotators=44, favours=prefer_first)
    content = decided(round_.run).content
    second = round_.candidates.order_by("id")[1]
    assert content["choice"]["candidate"] == second.pk
    [row] = [row for row in content["evidence"] if row["role"] == "anchor"]
    assert row["candidate"] == anchor.pk
    assert row["is_stronger"]
    assert content["scores"] is None


def test_newcomers_are_scored_against_the_anchors() -> None:
    round_ = open_grid()
    anchors = list(round_.candidates.order_by("id")[1:3])
    Candidate.objects.filter(pk__in=[each.pk for each in anchors]).update(is_anchor=True)
    round_.anchors_only = True
    round_.save()
    poll(round_, n_annotators=12, favours=prefer_first, kind="judge")
    content = decided(round_.run).content
    assert content["basis"]["decided_by"] == "judge"
    scores = content["scores"]
    assert scores["anchors"] == [each.pk for each in anchors]
    first, *_mid, last = round_.candidates.order_by("id").values_list("pk", flat=True)
    assert [row["candidate"] for row in scores["rows"]] == [first, last]
    assert scores["rows"][0]["score"] > 5 > scores["rows"][1]["score"]
    assert 0 <= scores["rows"][0]["low"] < scores["rows"][0]["score"] < scores["rows"][0]["high"]


def test_known_answers_and_texts_are_told() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=3, favours=prefer_first)
    person = make.make_annotator()
    for outcome in ("a", "a", "b"):
        make.make_vote(make.make_known_comparison(round_, person), outcome)
    candidate = round_.candidates.order_by("id")[0]
    prompt = round_.prompts().first()
    make.make_completion(candidate, prompt, sample=1, finish_reason="length", names_maker="by Acme")
    content = decided(round_.run).content
    known = content["care"]["known_answers"]
    assert (known["answered"], known["right"]) == (3, 2)
    [texts] = [row for row in content["texts"] if row["candidate"] == candidate.pk]
    assert texts["completions"] == 13
    assert texts["cut_short"] == 1
    assert texts["names_maker"] == pytest.approx(1 / 13)
    assert (texts["measured"], texts["leakage"]) == (0, None)


def test_a_strongly_separated_crowd_has_a_best() -> None:
    world = World(strengths=(1.2, 0.0, -0.3, -0.9), n_annotators=30)
    round_ = open_round(world)
    cast_crowd(round_, world, 900)
    content = decided(round_.run).content
    first = round_.candidates.order_by("id")[0]
    assert (content["choice"]["candidate"], content["choice"]["verdict"]) == (first.pk, "best")
    assert content["surer"][0]["votes"] == 0


def test_a_crowd_of_llmfao_has_a_leader_and_no_proof(crowd_of_llmfao: SelectionRun) -> None:
    content = decided(crowd_of_llmfao).content
    choice = content["choice"]
    names = {each["id"]: each["name"] for each in content["candidates"]}
    assert names[choice["candidate"]] == "GPT 4"
    assert choice["verdict"] == "leads"
    # Eleven models of its file were never judged.
    assert (len(choice["unjoined"]), len(choice["not_beaten"]) > 1) == (11, True)
    assert choice["reasons"] == ["not_joined", "little_evidence"]
    assert content["surer"][0]["votes"] is None or content["surer"][0]["votes"] > 0
    assert json.loads(write_canonical(content)) == content


@pytest.mark.django_db(transaction=True)
def test_two_who_decide_at_once_make_one_decision() -> None:
    round_ = open_grid()
    poll(round_, n_annotators=8, favours=prefer_first)

    def decide() -> int:
        return decide_run(run=SelectionRun.objects.get(pk=round_.run_id)).pk

    assert len(set(at_once(decide, decide))) == 1
    assert RunDecision.objects.count() == 1
    assert round_.run.events.filter(kind=RunEvent.Kind.DECIDED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_given_up_while_it_is_computed_is_not_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Computing takes seconds, outside of any transaction: what happens in them counts."""
    round_ = open_grid()
    poll(round_, n_annotators=8, favours=prefer_first)
    take = deciding.take_cutoff

    def take_and_cancel(**options: Any) -> int:
        cancel_run(run=SelectionRun.objects.get(pk=round_.run_id))
        return take(**options)

    monkeypatch.setattr(deciding, "take_cutoff", take_and_cancel)
    with pytest.raises(errors.WrongState, match="only a run that takes votes"):
        decide_run(run=round_.run)
    assert not RunDecision.objects.exists()
