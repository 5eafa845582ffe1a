"""What a plan will cost: counted, measured on what was made before, or by a rule that is named."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotate.models import (
    Candidate,
    GenerationShard,
    JudgeTemplate,
    PromptSet,
    Round,
    SelectionRun,
)
from annotate.services import launching
from annotate.services.forecasting import Basis, Forecast, Reason, forecast
from annotate.services.judges import make_judge
from tests import factories as make

pytestmark = pytest.mark.django_db
PRESET = {"preset": "shisa-7b-v1", "engine": "vllm"}
OTHER = {"model": "models/other", "engine": "transformers"}


def foretell(*models: dict[str, Any], **fields: Any) -> Forecast:
    """Foretell a plan on the prompts of set `asked`."""
    data = {"slug": "planned", "prompts": {"sets": ["asked"]}, "models": [*models], **fields}
    return forecast(launching.read_plan(data))


@pytest.fixture
def asked() -> PromptSet:
    """Make two Japanese prompts of 30 characters and an English one of 40."""
    prompt_set = PromptSet.objects.create(slug="asked")
    for _prompt in range(2):
        make.make_prompt(prompt_set, language="ja", turns=["あ" * 30])
    make.make_prompt(prompt_set, turns=["a" * 40])
    return prompt_set


def make_candidate(**fields: Any) -> Candidate:
    """Make a candidate of an earlier run."""
    plain = {"model": "models/other", "engine": "transformers", "prompt_format": "chatml"}
    return make.make_candidate(make.make_run(), **plain | fields)


def make_written(candidate: Candidate, *tokens: int, language: str = "en", **fields: Any) -> None:
    """Store completions of so many tokens, each to a prompt of its own of 20 characters."""
    prompt_set = PromptSet.objects.get_or_create(slug="earlier")[0]
    for n in tokens:
        prompt = make.make_prompt(prompt_set, language=language, turns=["a" * 20])
        make.make_completion(candidate, prompt, completion_tokens=n, prompt_tokens=10, **fields)


def make_shard(candidate: Candidate, *, tokens: int, seconds: float, start_s: float) -> None:
    """Store a shard that was done."""
    started = timezone.now() - timedelta(hours=1)
    ready = started + timedelta(seconds=start_s)
    round_ = Round.objects.filter(run=candidate.run).first() or Round.objects.create(
        run=candidate.run, number=1
    )
    GenerationShard.objects.create(
        round=round_, candidate=candidate, number=candidate.shards.count(), n_shards=9,
        state="done", n_wanted=1, n_stored=1, tokens_made=tokens, started_at=started,
        ready_at=ready, seen_at=ready + timedelta(seconds=seconds),
    )  # fmt: skip


def test_completions_are_candidates_times_prompts_times_samples(asked: PromptSet) -> None:
    found = foretell(
        PRESET, OTHER, grid={"temperature": [0.1, 0.4, 1]},
        prompts={"sets": ["asked"], "samples": 4},
    )  # fmt: skip
    assert (found.candidates, found.prompts, found.completions) == (6, {"en": 1, "ja": 2}, 72)
    assert [each.completions for each in found.by_candidate] == [12] * 6


def test_prompts_are_those_that_the_launch_will_leave_in_scope(asked: PromptSet) -> None:
    prompts = {"sets": ["asked"], "held_out_share": 0.3, "scope": "held_out"}
    found = foretell(PRESET, OTHER, prompts=prompts)
    run = launching.draft_run(
        plan=launching.read_plan(
            {"slug": "planned", "prompts": prompts, "models": [PRESET, OTHER]}
        ),
        by=None,
    )
    assert sum(found.prompts.values()) == 1
    assert launching.launch_run(run=run, by=None).prompts().count() == 1


def test_tokens_are_those_that_the_model_wrote_before(asked: PromptSet) -> None:
    candidate = make_candidate()
    make_written(candidate, 90, 110, language="ja")
    make_written(candidate, 40)
    amount = foretell(PRESET, OTHER).by_candidate[1].completion_tokens
    assert (amount.basis, amount.likely) == (Basis.MODEL, 2 * 100 + 40)
    # 95 % of the mean over two prompts, whose standard deviation is 10.
    assert amount.high - amount.likely == pytest.approx(2 * 1.96 * 10 / 2**0.5)
    assert amount.n == 2


def test_tokens_of_a_conversation_count_for_each_reply(asked: PromptSet) -> None:
    make_written(make_candidate(), 100, replies=["one", "two"])
    make.make_prompt(asked, turns=["x", "y", "z"])
    amount = foretell(PRESET, OTHER, prompts={"sets": ["asked"], "samples": 2})
    english = amount.by_candidate[1].completion_tokens.likely - 2 * 2 * 385 / 1.5
    assert english == pytest.approx((1 + 3) * 50 * 2)


def test_tokens_of_an_unknown_model_are_those_of_its_engine(asked: PromptSet) -> None:
    candidate = make_candidate(model="models/third")
    make_written(candidate, 90, language="ja")
    make_written(candidate, 40)
    found = foretell(PRESET, OTHER)
    assert (found.by_candidate[1].completion_tokens.basis, found.completion_tokens.basis) == (
        Basis.ENGINE, Basis.RULE,
    )  # fmt: skip
    assert found.by_candidate[1].completion_tokens.likely == 2 * 90 + 40
    assert "other models by the same engine" in found.by_candidate[1].completion_tokens.words


def test_tokens_without_anything_measured_follow_the_rule_of_the_language(
    asked: PromptSet,
) -> None:
    amount = foretell(PRESET, OTHER).by_candidate[0].completion_tokens
    assert amount.basis == Basis.RULE
    assert amount.likely == pytest.approx(2 * 385 / 1.5 + 1039 / 4)
    assert amount.low < amount.likely < amount.high


def test_no_reply_is_foretold_longer_than_its_limit(asked: PromptSet) -> None:
    make_written(make_candidate(), 90)
    short = OTHER | {"sampling": {"max_tokens": 8}}
    amount = foretell(PRESET, short).by_candidate[1].completion_tokens
    assert (amount.low, amount.likely, amount.high) == (24, 24, 24)


def test_prompt_tokens_hold_system_texts_and_every_turn_anew() -> None:
    prompt_set = PromptSet.objects.create(slug="asked")
    make.make_prompt(prompt_set, turns=["a" * 40, "b" * 20], system="s" * 10)
    amount = foretell(OTHER, OTHER | {"name": "b"}).by_candidate[0].prompt_tokens
    characters = (40 + 10) + (40 + 20 + 10)
    assert amount.likely == pytest.approx(characters / 4 + 2 * 15 + 1039 / 4)


def test_prompt_tokens_follow_the_models_own_tokenizer_once_it_was_seen(asked: PromptSet) -> None:
    make_written(make_candidate(), 90)  # 10 tokens for 20 characters
    make_written(make_candidate(), 90, language="ja")
    amount = foretell(PRESET, OTHER).by_candidate[1].prompt_tokens
    assert (amount.basis, amount.likely) == (Basis.MODEL, (2 * 30 + 40) / 2)


def test_minutes_follow_finished_shards_of_the_same_model_and_options(asked: PromptSet) -> None:
    candidate = make_candidate(engine_options={"batch_size": 8})
    make_written(candidate, 100, language="ja")
    make_written(candidate, 100)
    make_shard(candidate, tokens=1000, seconds=100, start_s=30)  # 10 tokens/s
    make_shard(candidate, tokens=3000, seconds=100, start_s=10)  # 30 tokens/s
    same = OTHER | {"engine_options": {"batch_size": 8}}
    other = OTHER | {"engine_options": {"batch_size": 9}}
    found = foretell(same, other | {"name": "b"}, generation={"shards": 2}).by_candidate
    minutes = found[0].gpu_minutes
    assert (minutes.basis, minutes.n) == (Basis.MODEL, 2)
    assert minutes.likely == pytest.approx((300 / 20 + 2 * 20) / 60)
    assert minutes.low == pytest.approx((300 / 30 + 2 * 20) / 60)
    assert minutes.high == pytest.approx((300 / 10 + 2 * 20) / 60)
    assert found[1].gpu_minutes.reason == Reason.SIZE_UNKNOWN


def test_minutes_of_a_preset_follow_its_size_and_count_every_gpu(asked: PromptSet) -> None:
    two = PRESET | {"engine_options": {"tensor_parallel_size": 2}, "name": "two"}
    many = {"sets": ["asked"], "samples": 100}  # 300 completions: vLLM's batch is full
    found = foretell(PRESET, two, prompts=many).by_candidate
    tokens = found[0].completion_tokens.likely
    rate = 0.3 * 256 * 3.35e12 / (2 * 7e9)
    assert found[0].gpu_minutes.likely == pytest.approx(tokens / rate / 60)
    assert found[1].gpu_minutes.likely == pytest.approx(tokens / rate / 60)


def test_minutes_know_that_few_completions_fill_no_batch(asked: PromptSet) -> None:
    small, cut = (
        foretell(PRESET, OTHER, prompts={"sets": ["asked"], "samples": 8}, generation=generation)
        for generation in ({"shards": 1}, {"shards": 2})
    )
    tokens = small.by_candidate[0].completion_tokens.likely
    rate = 0.3 * 24 * 3.35e12 / (2 * 7e9)
    assert small.by_candidate[0].gpu_minutes.likely == pytest.approx(tokens / rate / 60)
    assert cut.by_candidate[0].gpu_minutes.likely == pytest.approx(2 * tokens / rate / 60)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (PRESET | {"model": "/models/of/another/size"}, Reason.SIZE_UNKNOWN),
        (PRESET | {"engine": "transformers", "engine_options": {"device": "cpu"}}, Reason.CPU),
        (PRESET | {"engine": "openai", "engine_options": {"endpoints": ["http://h/v1"]}},
         Reason.ENDPOINTS),
    ],
)  # fmt: skip
def test_minutes_that_nobody_knows_are_not_made_up(
    asked: PromptSet, model: dict[str, Any], reason: Reason
) -> None:
    found = foretell(PRESET, model | {"name": "b"})
    assert found.gpu_minutes.reason == reason
    assert (found.gpu_minutes.likely, found.gpu_minutes.words) == (None, reason.words)
    assert found.by_candidate[0].gpu_minutes.likely is not None


@pytest.mark.parametrize(
    ("policy", "n", "likely"),
    [("adaptive", 2, 345), ("adaptive", 8, 345), ("adaptive", 20, 900), ("adaptive", 100, 4455),
     ("uniform", 8, 870), ("balanced", 20, 5040), ("adaptive", 13, 573)],
)  # fmt: skip
def test_votes_to_a_decision_are_those_of_the_simulations(
    asked: PromptSet, policy: str, n: int, likely: int
) -> None:
    grid = {"temperature": [number / 100 for number in range(n)]}
    found = foretell(OTHER, grid=grid, pairing={"policy": policy})
    assert (found.votes.likely, found.votes.is_upper) == (likely, n < 8)


def test_votes_at_most_are_the_budget_of_every_round(asked: PromptSet) -> None:
    stopping, rounds = {"votes": 300}, {"at_most": 3}
    votes = foretell(PRESET, OTHER, stopping=stopping, rounds=rounds).votes
    assert (votes.at_most, votes.likely, votes.is_above_budget) == (900, 345, True)
    assert foretell(PRESET, OTHER).votes.at_most is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stopping": {"stops_early": False, "votes": 10}}, Reason.NEVER_STOPS),
        ({"stopping": {"stops_early": False}}, Reason.NO_BUDGET),
        ({"rounds": {"anchors_only": True}}, Reason.ANCHORS_ONLY),
        ({"grid": {"temperature": [n / 100 for n in range(101)]}}, Reason.NOT_SIMULATED),
    ],
)
def test_votes_that_were_never_simulated_are_not_made_up(
    asked: PromptSet, fields: dict[str, Any], reason: Reason
) -> None:
    votes = foretell(PRESET | {"is_anchor": True}, OTHER, **fields).votes
    assert (votes.likely, votes.reason, votes.words) == (None, reason, reason.words)


def test_judges_are_asked_in_both_orders_in_every_round(asked: PromptSet) -> None:
    template = JudgeTemplate.objects.create(name="t", use="pair", texts={})
    for slug in ("gpt", "shisa"):
        make_judge(slug=slug, model="m", engine="vllm", prompt_format="chatml", template=template)
    found = foretell(
        PRESET, OTHER, judges={"slugs": ["gpt", "shisa"], "comparisons": 30},
        rounds={"at_most": 3},
    )  # fmt: skip
    assert found.judge_calls == 2 * 30 * 2 * 3


def test_forecast_writes_nothing_and_is_json(asked: PromptSet) -> None:
    told = foretell(PRESET, OTHER).to_dict()
    assert told["completion_tokens"]["basis"] == "rule"
    assert not SelectionRun.objects.exists()
    assert not asked.prompts.held_out().exists()


def test_many_candidates_of_one_model_take_no_more_queries(
    asked: PromptSet, django_assert_max_num_queries: Any
) -> None:
    plan = launching.read_plan(
        {"slug": "planned", "prompts": {"sets": ["asked"]}, "models": [PRESET],
         "grid": {"temperature": [n / 100 for n in range(500)]}}
    )  # fmt: skip
    with django_assert_max_num_queries(10):
        assert forecast(plan).candidates == 500
