"""Judges in a round: a real engine reads each pair in both orders, and votes follow by the rule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotate.generation.judge_templates import read_template
from annotate.models import (
    Candidate,
    Comparison,
    Judge,
    JudgeReading,
    JudgeSitting,
    Prompt,
    Round,
    RunEvent,
    RunPlan,
    Vote,
)
from annotate.services import errors, judges, judging, rounds
from annotate.services.states import pause_run, resume_run
from tests import factories as make
from tests.tiny_judges import TEMPLATE, make_judge_model

pytestmark = pytest.mark.django_db

LONG = "word " * 12


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a function that makes a tiny judge by its rule, once."""
    folder = tmp_path_factory.mktemp("judges")

    def of(prefers: str) -> Path:
        path = folder / prefers
        return path if path.exists() else make_judge_model(path, prefers=prefers)

    return of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.KURABE_HOME = tmp_path
    return tmp_path


def make_tiny_judge(model: Path | str, slug: str = "tiny", **fields: Any) -> Judge:
    file = Path(str(judges.settings.KURABE_HOME)) / "marked.toml"
    file.write_text(TEMPLATE, encoding="utf-8")
    plain = {"engine": "transformers", "prompt_format": "chat_template",
             "sampling": {"max_tokens": 4},
             "engine_options": {"device": "cpu", "batch_size": 16}}  # fmt: skip
    return judges.make_judge(
        slug=slug,
        model=str(model),
        template=judges.keep_template(read_template(file)),
        **plain | fields,
    )


def open_round(*, n_prompts: int = 4, n_candidates: int = 3) -> Round:
    """Open a round in which the later a candidate, the longer its replies."""
    round_ = make.make_open_round(n_candidates=n_candidates, n_prompts=0)
    for _prompt in range(n_prompts):
        prompt = make.make_prompt(round_.run.prompt_sets.get())
        for place, candidate in enumerate(round_.candidates.order_by("id")):
            make.make_completion(candidate, prompt, replies=[LONG * (1 + 2 * place)])
    return round_


def judge_now(round_: Round, judge: Judge, n: int) -> JudgeSitting:
    """Let a judge make so many more comparisons in this process."""
    judges.add_judge(run=round_.run, judge=judge)
    sitting = judging.judge_more(round_=round_, judge=judge, comparisons=n, is_queued=False)
    judging.judge_sitting(sitting=sitting)
    sitting.refresh_from_db()
    return sitting


@pytest.mark.slow
def test_judge_who_prefers_what_comes_first_draws_all(models: Callable[[str], Path]) -> None:
    """Both orders are read; what it says of one contradicts what it says of the other."""
    round_ = open_round()
    judge = make_tiny_judge(models("first"))
    sitting = judge_now(round_, judge, 5)
    assert (sitting.state, sitting.failure) == ("done", "")
    readings = JudgeReading.objects.filter(judge=judge)
    assert sorted(readings.values_list("order", "verdict")) == [("ab", "a")] * 5 + [("ba", "b")] * 5
    votes = Vote.objects.of_run(round_.run).select_related("comparison")
    assert [vote.outcome for vote in votes] == ["tie"] * 5
    for vote in votes:
        comparison = vote.comparison
        assert (comparison.purpose, vote.turn) == ("ranking", Vote.WHOLE_CONVERSATION)
        assert comparison.answered_at is not None
        assert comparison.propensity is not None
    reading = readings.first()
    assert reading is not None
    assert reading.reply == "[[A]]"
    assert reading.completion_tokens == 2
    assert reading.engine_version.startswith("transformers ")
    assert len(reading.rendered_prompt_sha256) == 64
    assert len(set(readings.values_list("seed", flat=True))) == 10


def test_judge_who_prefers_length_votes_for_it(models: Callable[[str], Path]) -> None:
    """Every pair is drawn once; more than there are is no fault."""
    round_ = open_round()
    sitting = judge_now(round_, make_tiny_judge(models("longer")), 50)
    assert (sitting.state, sitting.n_wanted) == ("done", 50)
    votes = Vote.objects.of_run(round_.run)
    assert [vote.outcome for vote in votes] == ["b"] * 12, "the later candidate writes more"
    told = Comparison.objects.values_list("completion_a", "completion_b")
    assert len(set(told)) == 12
    again = judge_now(round_, sitting.judge, 10)
    assert (again.state, votes.count(), JudgeReading.objects.count()) == ("done", 12, 24)


@pytest.mark.slow
def test_what_cannot_be_read_is_no_vote(models: Callable[[str], Path]) -> None:
    """A judge cut short says nothing; a conversation too long for it is passed over by name."""
    round_ = open_round(n_prompts=2, n_candidates=2)
    long_winded = round_.candidates.latest("id").completions.earliest("id")
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    first, second = round_.candidates.order_by("id")
    make.make_completion(first, prompt, replies=["x"])
    make.make_completion(second, prompt, replies=["y" * 5_000])
    sitting = judge_now(round_, make_tiny_judge(models("longer")), 3)
    assert (sitting.state, sitting.failure) == ("done", "")
    verdicts = JudgeReading.objects.order_by("comparison", "order")
    unread = verdicts.filter(verdict="unreadable")
    assert {each.comparison.prompt_id for each in unread} == {prompt.pk}
    assert (unread.count(), verdicts.count()) == (2, 6)
    assert Vote.objects.of_run(round_.run).count() == 2
    passed_over = Comparison.objects.get(prompt=prompt)
    assert (passed_over.answered_at, passed_over.skip_reason) == (None, "cannot_judge")
    assert long_winded.pk != passed_over.completion_b_id


def test_judge_fails_with_the_words_of_its_engine_and_is_tried_again(
    models: Callable[[str], Path], home: Path
) -> None:
    round_ = open_round(n_prompts=1, n_candidates=2)
    judge = make_tiny_judge(home / "nowhere")
    judges.add_judge(run=round_.run, judge=judge)
    sitting = judging.judge_more(round_=round_, judge=judge, comparisons=1, is_queued=False)
    with pytest.raises(errors.GenerationFailed, match="nowhere"):
        judging.judge_sitting(sitting=sitting)
    sitting.refresh_from_db()
    assert sitting.state == "failed"
    assert "nowhere' cannot be loaded" in sitting.failure
    assert "cannot be loaded" in sitting.log
    judging.judge_sitting(sitting=sitting)
    sitting.refresh_from_db()
    assert sitting.state == "failed", "only who tries again lets it begin"
    make_judge_model(home / "nowhere", prefers="longer")
    judging.try_again(sitting=sitting)
    assert (sitting_now(sitting).state, sitting_now(sitting).failure) == ("waiting", "")
    judging.judge_sitting(sitting=sitting)
    assert sitting_now(sitting).state == "done"
    assert Vote.objects.get().outcome == "b"
    with pytest.raises(errors.WrongState):
        judging.try_again(sitting=sitting)


def sitting_now(sitting: JudgeSitting) -> JudgeSitting:
    return JudgeSitting.objects.get(pk=sitting.pk)


def test_paused_and_closed_rounds_are_not_judged(home: Path) -> None:
    """No engine is started: there is no such model, and nothing fails."""
    round_ = open_round(n_prompts=1, n_candidates=2)
    judge = make_tiny_judge(home / "nowhere")
    judges.add_judge(run=round_.run, judge=judge)
    sitting = judging.judge_more(round_=round_, judge=judge, comparisons=1, is_queued=False)
    pause_run(run=round_.run)
    judging.judge_sitting(sitting=sitting)
    assert sitting_now(sitting).state == "stopped"
    assert judging.request_judging(round_=round_) == []
    resume_run(run=round_.run)
    assert [each.state for each in judging.request_judging(round_=round_)] == ["waiting"]
    judges.remove_judge(run=round_.run, judge=judge)
    judging.judge_sitting(sitting=sitting_now(sitting))
    assert sitting_now(sitting).state == "stopped"
    judges.add_judge(run=round_.run, judge=judge)
    rounds.close_round(round_=round_)
    judging.judge_sitting(sitting=sitting_now(sitting))
    assert sitting_now(sitting).state == "stopped"
    with pytest.raises(errors.RoundClosed):
        judging.judge_more(round_=round_, judge=judge, comparisons=1)


def test_round_that_opens_asks_the_judges_of_its_plan(home: Path) -> None:
    round_ = open_round(n_prompts=1, n_candidates=2)
    Round.objects.filter(pk=round_.pk).update(opened_at=None)
    RunPlan.objects.create(run=round_.run, config={"judges": {"slugs": [], "comparisons": 7}})
    for slug in ("one", "two"):
        judges.add_judge(run=round_.run, judge=make_tiny_judge(home / "m", slug))
    rounds.open_round(round_=round_)
    asked = [(each.judge.slug, each.n_wanted, each.state) for each in round_.sittings.all()]
    assert asked == [("one", 7, "waiting"), ("two", 7, "waiting")]
    rounds.open_round(round_=round_)
    assert round_.sittings.count() == 2


def test_judge_reads_first_what_people_have_judged() -> None:
    """Agreement is counted on what both judged, so that comes before all else."""
    round_ = open_round(n_prompts=12, n_candidates=2)
    prompts = list(Prompt.objects.order_by("id"))[8:10]
    for prompt in prompts:
        a, b = prompt.completions.order_by("candidate")
        person = make.make_annotator()
        make.make_vote(make.make_comparison(a, b, round_=round_, annotator=person))
    judge = make_tiny_judge("model")
    judges.add_judge(run=round_.run, judge=judge)
    sitting = judging.judge_more(round_=round_, judge=judge, comparisons=4, is_queued=False)
    work = judging.SittingWork(
        sitting=sitting, should_stop=lambda: False, on_reading=lambda n, of: None
    )
    work.draw()
    drawn = list(judging.drawn_for(judge, round_).order_by("id").values_list("prompt", flat=True))
    assert set(drawn[:2]) == {prompt.pk for prompt in prompts}
    assert len(set(drawn)) == 4
    work.begin()
    assert len(work.missing) == 8
    keys = [request.key for request in work.requests()]
    assert keys == sorted(work.missing, key=lambda key: (int(key.split("/")[0]), key))
    assert "word word" in next(iter(work.requests())).turns[0]


def test_judge_sees_no_name() -> None:
    """Nothing of candidates, models or annotators is in what a judge is asked."""
    round_ = open_round(n_prompts=2, n_candidates=2)
    names = []
    for candidate in round_.candidates.all():
        names += [candidate.name, f"secret-model-{candidate.pk}"]
        Candidate.objects.filter(pk=candidate.pk)
    judge = make_tiny_judge("model")
    judges.add_judge(run=round_.run, judge=judge)
    sitting = judging.judge_more(round_=round_, judge=judge, comparisons=2, is_queued=False)
    work = judging.SittingWork(
        sitting=sitting, should_stop=lambda: False, on_reading=lambda n, of: None
    )
    work.begin()
    for request in work.requests():
        text = f"{request.system} {request.turns}"
        assert not [name for name in (*names, judge.slug, round_.run.slug) if name in text]


def test_judges_come_and_go_and_the_log_says_so() -> None:
    round_ = open_round(n_prompts=1, n_candidates=2)
    admin = make.make_user("admin")
    judge = make_tiny_judge("model")
    judges.add_judge(run=round_.run, judge=judge, by=admin)
    judges.add_judge(run=round_.run, judge=judge, by=admin)
    judges.remove_judge(run=round_.run, judge=judge, by=admin)
    told = RunEvent.objects.filter(kind="judges").values_list("detail", "by")
    assert list(told) == [({"added": "tiny"}, admin.pk), ({"removed": "tiny"}, admin.pk)]
    with pytest.raises(errors.JudgeRefused, match="none of the run's judges"):
        judging.judge_more(round_=round_, judge=judge, comparisons=1)
    with pytest.raises(errors.JudgeRefused, match="one comparison or more"):
        judging.judge_more(round_=round_, judge=judge, comparisons=0)


def test_make_judge_again_gives_the_same_one() -> None:
    judge = make_tiny_judge("model")
    assert make_tiny_judge("model") == judge
    assert (judge.annotator.kind, judge.sampling["temperature"]) == ("judge", 0.0)
    with pytest.raises(errors.JudgeRefused, match="is there with another model: model"):
        make_tiny_judge("another")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"engine": "oracle"}, "engine 'oracle' is unknown"),
        ({"prompt_format": "telegram"}, "prompt_format is 'telegram'"),
        ({"sampling": {"temperature": -1}}, "sampling temperature is -1"),
        ({"engine_options": {"speed": 9}}, "no option 'speed'"),
        ({"tokenizer": {"use_fast": "yes"}}, "tokenizer use_fast is 'yes'"),
    ],
)
def test_make_judge_refuses_what_no_engine_takes(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.JudgeRefused, match=message):
        make_tiny_judge("model", **fields)
    assert not Judge.objects.exists()


def test_templates_are_kept_at_first_use_and_never_overwritten(home: Path) -> None:
    house = judges.find_template("pair", use="pair")
    assert (house.version, sorted(house.texts)) == (1, ["en", "ja"])
    assert judges.find_template("pair", use="pair") == house
    with pytest.raises(errors.JudgeRefused, match="no template poem for this; there is pair"):
        judges.find_template("poem", use="pair")
    file = home / "mine.toml"
    file.write_text(TEMPLATE, encoding="utf-8")
    judges.keep_template(read_template(file))
    file.write_text(TEMPLATE.replace("better?", "nicer?"), encoding="utf-8")
    with pytest.raises(errors.JudgeRefused, match="marked v1 is there with another wording"):
        judges.keep_template(read_template(file))
    file.write_text(TEMPLATE.replace("version = 1", "version = 2"), encoding="utf-8")
    judges.keep_template(read_template(file))
    assert judges.find_template("marked", use="pair").version == 2
