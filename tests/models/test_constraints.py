"""Each named constraint and trigger, broken once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from annotate.models import (
    Annotator,
    ApiToken,
    Candidate,
    Comparison,
    Completion,
    CompletionMeasure,
    Consent,
    ConsentText,
    DatasetFile,
    DatasetSource,
    DecisionRules,
    Exclusion,
    Export,
    GenerationShard,
    GoldPair,
    Invitation,
    Judge,
    JudgeReading,
    JudgeScore,
    JudgeSitting,
    JudgeTemplate,
    Participation,
    PassageMark,
    PreferenceDataset,
    PreferencePair,
    PreferenceSet,
    Prompt,
    PromptSet,
    Ranking,
    RankingFigure,
    RatingRules,
    ReasonTag,
    Report,
    Round,
    RoundCut,
    RoundEstimate,
    RunDecision,
    RunEvent,
    RunPlan,
    SelectionRun,
    Stop,
    Tally,
    TrainingMetric,
    TrainingRun,
    User,
    Vote,
)
from tests import factories as make

pytestmark = pytest.mark.django_db


def refuses(constraint: str) -> pytest.RaisesExc[IntegrityError]:
    """Expect the database to refuse by the constraint of this name."""
    return pytest.raises(IntegrityError, match=f'"{constraint}"')


def make_dataset(**fields: object) -> PreferenceDataset:
    plain = {"cutoff": 1, "filters": {}, "counts": {}, "n_pairs": 1, "path": "datasets/x",
             "sha256": "0" * 64}  # fmt: skip
    return PreferenceDataset.objects.create(**{"run": make.make_run()} | plain | fields)


def make_source(**fields: Any) -> DatasetSource:
    dataset = fields.pop("dataset", None) or make_dataset()
    plain = {"name": "votes:r", "run": dataset.run, "cutoff": 1, "voters": "people", "n_rows": 1}
    return DatasetSource.objects.create(dataset=dataset, **plain | fields)


def make_file(**fields: Any) -> DatasetFile:
    dataset = fields.pop("dataset", None) or make_dataset()
    plain = {"split": "test", "ending": ".jsonl", "path": "datasets/x", "sha256": "0" * 64,
             "n_rows": 1, "n_bytes": 1}  # fmt: skip
    return DatasetFile.objects.create(dataset=dataset, **plain | fields)


def make_export(**fields: Any) -> Export:
    return Export.objects.create(run=make.make_run(), recipe={}, **fields)


def make_pair(**fields: Any) -> PreferencePair:
    preferences = fields.pop("preference_set", None) or PreferenceSet.objects.create(slug="s")
    plain = {"key": "k", "prompt": [], "chosen": [], "rejected": [], "prompt_sha256": "0" * 64,
             "language": "en"}  # fmt: skip
    return PreferencePair.objects.create(preference_set=preferences, **plain | fields)


def make_training(**fields: object) -> TrainingRun:
    dataset = make_dataset()
    base = make.make_candidate(dataset.run)
    return TrainingRun.objects.create(
        **{"dataset": dataset, "base": base, "child_name": "child", "config": {}} | fields
    )


def drawn(**fields: object) -> Comparison:
    """Draw a comparison of two candidates on one prompt."""
    round_ = make.make_open_round(n_prompts=1)
    first, second = Completion.objects.filter(candidate__run=round_.run)
    return make.make_comparison(
        first, second, round_=round_, annotator=make.make_annotator(), **fields
    )


def make_exclusion(**fields: object) -> Exclusion:
    plain = {"reason": "spam", "number": 7, "excluded_at": timezone.now()}
    if "annotator" not in fields:
        fields |= {"run": make.make_run(), "annotator": make.make_annotator()}
    return Exclusion.objects.create(**plain | fields)


def make_mark(**fields: object) -> PassageMark:
    plain = {"vote": make.make_vote(drawn()), "which": "a", "start": 0, "end": 5,
             "tag": "unnatural"}  # fmt: skip
    return PassageMark.objects.create(**plain | fields)


def make_report(**fields: object) -> Report:
    comparison = drawn()
    plain = {"comparison": comparison, "completion": comparison.completion_a}
    return Report.objects.create(**plain | fields)


def make_reason(**fields: object) -> ReasonTag:
    return ReasonTag.objects.create(**{"slug": "odd", "label_en": "odd", "label_ja": "変"} | fields)


def make_decision(**fields: object) -> DecisionRules:
    return DecisionRules.objects.create(run=make.make_run(), **fields)


def make_stop(**fields: object) -> Stop:
    plain = {"round": make.make_open_round(), "reason": "best", "cutoff": 1, "n_votes": 1}
    return Stop.objects.create(**{"evidence": {}} | plain | fields)


def make_tally(**fields: object) -> Tally:
    round_ = make.make_open_round()
    a, b = round_.candidates.order_by("id")
    plain = {"round": round_, "language": "en", "annotator": make.make_annotator(),
             "candidate_a": a, "candidate_b": b, "outcome": "a", "votes": 1}  # fmt: skip
    return Tally.objects.create(**plain | fields)


def make_figure(**fields: object) -> RankingFigure:
    plain = {"ranking": make_ranking(), "kind": "calibration", "content": {}, "versions": {}}
    return RankingFigure.objects.create(**plain | fields)


def turn_tally(tally: Tally) -> None:
    a, b = tally.candidate_a, tally.candidate_b
    Tally.objects.filter(pk=tally.pk).update(candidate_a=b, candidate_b=a)


def make_completion() -> Completion:
    return make.make_open_round(n_candidates=1, n_prompts=1).candidates.get().completions.get()


def make_plan(**fields: object) -> RunPlan:
    return RunPlan.objects.create(**{"run": make.make_run(), "config": {}} | fields)


def make_event(**fields: object) -> RunEvent:
    return RunEvent.objects.create(**{"run": make.make_run(), "kind": "created"} | fields)


def make_shard(**fields: object) -> GenerationShard:
    round_ = make.make_open_round(n_candidates=1, n_prompts=1)
    plain = {"round": round_, "candidate": round_.candidates.get(), "n_wanted": 1}
    return GenerationShard.objects.create(**plain | fields)


def make_cut(**fields: object) -> RoundCut:
    plain = {"round": make.make_open_round(), "rule": "top", "error": 0.1, "kept": [], "left": [],
             "cutoff": 1, "evidence": []}  # fmt: skip
    return RoundCut.objects.create(**plain | fields)


def make_run_decision(**fields: object) -> RunDecision:
    plain = {"number": 1, "cutoff": 1, "content": {}, "sha256": "0" * 64}
    return RunDecision.objects.create(**{"run": make.make_run()} | plain | fields)


def make_measure(**fields: object) -> CompletionMeasure:
    plain = {"version": 1, "n_characters": 1, "leakage": 0, "repetition": 0}
    return CompletionMeasure.objects.create(**{"completion": make_completion()} | plain | fields)


def make_template(**fields: object) -> JudgeTemplate:
    return JudgeTemplate.objects.create(**{"name": "plain", "use": "pair", "texts": {}} | fields)


def make_judge(**fields: object) -> Judge:
    plain = {"slug": "judge", "model": "m", "engine": "openai", "prompt_format": "chat_template"}
    return Judge.objects.create(
        **{"annotator": make.make_annotator(kind="judge"), "template": make_template()}
        | plain
        | fields
    )


def make_sitting(**fields: object) -> JudgeSitting:
    where = {} if "judge" in fields else {"judge": make_judge(), "round": make.make_open_round()}
    return JudgeSitting.objects.create(**{"n_wanted": 1} | where | fields)


def make_reading(**fields: object) -> JudgeReading:
    plain = {"order": "ab", "verdict": "a", "reply": "A", "seed": 1}
    where = {} if "judge" in fields else {"judge": make_judge(), "comparison": drawn()}
    return JudgeReading.objects.create(**where | plain | fields)


def make_score(**fields: object) -> JudgeScore:
    plain = {"turn": 1, "choice": 0, "score": 5, "reply": "5", "seed": 1}
    where = {} if "judge" in fields else {"judge": make_judge(), "completion": make_completion()}
    return JudgeScore.objects.create(**where | plain | fields)


def make_token(**fields: object) -> ApiToken:
    plain = {"name": "notebook", "digest": "0" * 64}
    return ApiToken.objects.create(**{"user": make.make_user()} | plain | fields)


SIMPLE = {
    "run_cancelled_is_closed": lambda: make.make_run(cancelled_at=timezone.now()),
    "run_closed_is_not_paused": lambda: make.make_run(state="closed", paused_at=timezone.now()),
    "plan_hashed_when_launched": lambda: make_plan(launched_at=timezone.now()),
    "event_kind_known": lambda: make_event(kind="danced"),
    "shard_state_known": lambda: make_shard(state="dreaming"),
    "shard_number_unique": lambda: [
        make_shard(round=shard.round, candidate=shard.candidate) for shard in [make_shard()]
    ],
    "shard_number_below_count": lambda: make_shard(number=1),
    "shard_failure_said": lambda: make_shard(state="failed"),
    "cut_rule_known": lambda: make_cut(rule="dice"),
    "cut_error_is_a_chance": lambda: make_cut(error=1.5),
    "decision_number_unique": lambda: [
        make_run_decision(run=decision.run) for decision in [make_run_decision()]
    ],
    "decision_number_from_one": lambda: make_run_decision(number=0),
    "decision_has_a_hash": lambda: make_run_decision(sha256="abc"),
    "measure_leakage_is_a_share": lambda: make_measure(leakage=1.1),
    "measure_other_language_is_a_share": lambda: make_measure(other_language=1.1),
    "measure_repetition_is_a_share": lambda: make_measure(repetition=-0.1),
    "template_use_known": lambda: make_template(use="dance"),
    "template_name_not_blank": lambda: make_template(name=""),
    "template_version_unique": lambda: [make_template() for _time in range(2)],
    "judge_slug_not_blank": lambda: make_judge(slug=""),
    "judge_model_not_blank": lambda: make_judge(model=""),
    "judge_engine_known": lambda: make_judge(engine="imported"),
    "judge_prompt_format_known": lambda: make_judge(prompt_format="telegram"),
    "sitting_state_known": lambda: make_sitting(state="asleep"),
    "sitting_once_in_a_round": lambda: [
        make_sitting(judge=sitting.judge, round=sitting.round) for sitting in [make_sitting()]
    ],
    "sitting_choices_from_one": lambda: make_sitting(choices=0),
    "sitting_failure_said": lambda: make_sitting(state="failed"),
    "reading_order_known": lambda: make_reading(order="bb"),
    "reading_verdict_known": lambda: make_reading(verdict="maybe"),
    "reading_order_unique": lambda: [
        make_reading(judge=reading.judge, comparison=reading.comparison)
        for reading in [make_reading()]
    ],
    "score_choice_unique": lambda: [
        make_score(judge=score.judge, completion=score.completion) for score in [make_score()]
    ],
    "score_from_1_to_10": lambda: make_score(score=11),
    "score_turn_from_one": lambda: make_score(turn=0),
    "token_scope_known": lambda: make_token(scope="all"),
    "token_name_not_blank": lambda: make_token(name=""),
    "token_digest_is_sha256": lambda: make_token(digest="secret"),
    "decision_policy_known": lambda: make_decision(policy="guess"),
    "decision_epsilon_in_range": lambda: make_decision(epsilon=0),
    "decision_votes_per_pair_at_least_one": lambda: make_decision(votes_per_pair=0),
    "decision_alpha_in_range": lambda: make_decision(alpha=0.6),
    "decision_delta_above_zero": lambda: make_decision(delta=0),
    "estimate_version_from_one": lambda: RoundEstimate.objects.create(
        round=make.make_open_round(),
        version=0,
        through=1,
        n_votes=0,
        made_at=timezone.now(),
        candidates=[],
        standings=[],
        evidence={},
        arrays=b"",
    ),
    "stop_reason_known": lambda: make_stop(reason="tired"),
    "tally_outcome_known": lambda: make_tally(outcome="left"),
    "tally_candidates_in_order": lambda: turn_tally(make_tally()),
    "tally_counted_once": lambda: [
        make_tally(
            round=tally.round,
            annotator=tally.annotator,
            candidate_a=tally.candidate_a,
            candidate_b=tally.candidate_b,
        )
        for tally in [make_tally()]
    ],
    "figure_kind_known": lambda: make_figure(kind="pie"),
    "figure_kept_once": lambda: [
        make_figure(ranking=ranking) for ranking in [make_ranking()] for _time in range(2)
    ],
    "comparison_propensity_of_a_drawn_pair": lambda: drawn(propensity=1.5),
    "annotator_board_name_unique": lambda: [
        make.make_annotator(board_name="Aiko") for _time in range(2)
    ],
    "consent_text_text_en_not_blank": lambda: ConsentText.objects.create(
        version=9, text_en="", text_ja="x"
    ),
    "consent_text_text_ja_not_blank": lambda: ConsentText.objects.create(
        version=9, text_en="x", text_ja=""
    ),
    "consent_text_version_from_one": lambda: ConsentText.objects.create(
        version=0, text_en="x", text_ja="x"
    ),
    "consent_stands_once": lambda: [
        Consent.objects.create(annotator=annotator, text=make.make_consent_text())
        for annotator in [make.make_annotator()]
        for _time in range(2)
    ],
    "consent_given_before_withdrawn": lambda: Consent.objects.create(
        annotator=make.make_annotator(),
        text=make.make_consent_text(),
        withdrawn_at=timezone.now() - timedelta(days=1),
    ),
    "rules_door_known": lambda: make.make_rules(make.make_run(), door="window"),
    "rules_gold_rate_in_range": lambda: make.make_rules(make.make_run(), gold_rate=0.6),
    "rules_repeat_rate_in_range": lambda: make.make_rules(make.make_run(), repeat_rate=-0.1),
    "rules_daily_limit_at_least_one": lambda: make.make_rules(make.make_run(), daily_limit=0),
    "rules_reading_speed_at_least_one": lambda: make.make_rules(
        make.make_run(), max_characters_per_s=0
    ),
    "reason_slug_not_blank": lambda: make_reason(slug=""),
    "reason_label_en_not_blank": lambda: make_reason(label_en=""),
    "reason_label_ja_not_blank": lambda: make_reason(label_ja=""),
    "invitation_token_not_blank": lambda: Invitation.objects.create(run=make.make_run(), token=""),
    "invitation_admits_somebody": lambda: Invitation.objects.create(
        run=make.make_run(), admits_at_most=0
    ),
    "participation_once_in_run": lambda: [
        make.make_participant(run, annotator)
        for run, annotator in [(make.make_run(), make.make_annotator())]
        for _time in range(2)
    ],
    "gold_outcome_known": lambda: make.make_gold_pair(make.make_run(), outcome="left"),
    "gold_use_known": lambda: make.make_gold_pair(make.make_run(), use="ranking"),
    "comparison_purpose_known": lambda: drawn(purpose="fun"),
    "comparison_gold_where_known": lambda: drawn(purpose="gold"),
    "comparison_repeats_an_earlier_one": lambda: drawn(purpose="repeat"),
    "comparison_skip_has_a_reason": lambda: drawn(skipped_at=timezone.now()),
    "comparison_skipped_or_answered": lambda: drawn(
        skipped_at=timezone.now(), skip_reason="cannot_judge", answered_at=timezone.now()
    ),
    "vote_degree_of_a_better_one": lambda: make.make_vote(drawn(), "tie", degree="clearly"),
    "mark_which_known": lambda: make_mark(which="c"),
    "mark_tag_known": lambda: make_mark(tag="ugly"),
    "mark_has_characters": lambda: make_mark(start=5),
    "mark_turn_from_one": lambda: make_mark(turn=0),
    "report_once_in_comparison": lambda: [
        Report.objects.create(comparison=comparison, completion=comparison.completion_a)
        for comparison in [drawn()]
        for _time in range(2)
    ],
    "report_look_whole": lambda: make_report(is_upheld=True),
    "exclusion_reason_not_blank": lambda: make_exclusion(reason=""),
    "exclusion_stands_once": lambda: [
        make_exclusion(run=run, annotator=annotator, number=number)
        for run, annotator in [(make.make_run(), make.make_annotator())]
        for number in (7, 8)
    ],
    "exclusion_undoing_whole": lambda: make_exclusion(undone_number=8, undone_at=timezone.now()),
    "user_role_known": lambda: make.make_user("emperor"),
    "user_admin_is_superuser": lambda: User.objects.create(username="x", is_superuser=True),
    "annotator_kind_known": lambda: make.make_annotator(kind="ghost"),
    "annotator_name_not_blank": lambda: make.make_annotator(name=""),
    "annotator_name_unique_in_source": lambda: [
        make.make_annotator(name="twice", source="run") for _time in range(2)
    ],
    "promptset_slug_not_blank": lambda: PromptSet.objects.create(slug=""),
    "prompt_key_unique_in_set": lambda: [
        make.make_prompt(PromptSet.objects.get_or_create(slug="s")[0], key="k") for _ in range(2)
    ],
    "prompt_key_not_blank": lambda: make.make_prompt(PromptSet.objects.create(slug="s"), key=""),
    "prompt_has_a_turn": lambda: make.make_prompt(PromptSet.objects.create(slug="s"), turns=[]),
    "prompt_language_is_a_tag": lambda: make.make_prompt(
        PromptSet.objects.create(slug="s"), language="Japanese"
    ),
    "run_state_known": lambda: make.make_run(state="lost"),
    "run_slug_not_blank": lambda: make.make_run(slug=""),
    "run_samples_at_least_one": lambda: make.make_run(samples_per_prompt=0),
    "round_prompt_scope_known": lambda: make.make_open_round(prompt_scope="some"),
    "round_number_from_one": lambda: Round.objects.create(run=make.make_run(), number=0),
    "round_number_unique_in_run": lambda: [
        Round.objects.create(
            run=SelectionRun.objects.get_or_create(slug="r")[0],
            number=1,
            opened_at=timezone.now(),
            closed_at=timezone.now() + timedelta(seconds=1),
        )
        for _time in range(2)
    ],
    "round_one_unclosed_in_run": lambda: [
        Round.objects.create(run=SelectionRun.objects.get_or_create(slug="r")[0], number=number)
        for number in (1, 2)
    ],
    "round_opened_before_closed": lambda: Round.objects.create(
        run=make.make_run(), number=1, closed_at=timezone.now()
    ),
    "candidate_name_unique_in_run": lambda: [
        make.make_candidate(SelectionRun.objects.get_or_create(slug="r")[0], name="n")
        for _time in range(2)
    ],
    "candidate_name_not_blank": lambda: make.make_candidate(make.make_run(), name=""),
    "candidate_engine_known": lambda: make.make_candidate(
        make.make_run(), engine="steam", model="m", prompt_format="chatml"
    ),
    "candidate_prompt_format_known": lambda: make.make_candidate(
        make.make_run(), prompt_format="telegram"
    ),
    "candidate_origin_known": lambda: make.make_candidate(make.make_run(), origin="mars"),
    "candidate_engine_has_a_model": lambda: make.make_candidate(
        make.make_run(), engine=Candidate.Engine.TRANSFORMERS
    ),
    "completion_sample_unique": lambda: [
        make.make_completion(Candidate.objects.get(), Prompt.objects.get())
        for _run in [make.make_open_round(n_candidates=1, n_prompts=1)]
    ],
    "completion_has_a_reply": lambda: make.make_completion(
        make.make_candidate(make.make_run()),
        make.make_prompt(PromptSet.objects.create(slug="s")),
        replies=[],
    ),
    "completion_finish_reason_known": lambda: make.make_completion(
        make.make_candidate(make.make_run()),
        make.make_prompt(PromptSet.objects.create(slug="s")),
        finish_reason="bored",
    ),
    "comparison_side_a_known": lambda: drawn(side_a=None),
    "comparison_drawn_here_has_a_lease": lambda: drawn(lease_expires_at=None),
    "vote_outcome_known": lambda: make.make_vote(drawn(), "left"),
    "vote_stands_once": lambda: [make.make_vote(c) for c in [drawn()] for _time in range(2)],
    "vote_withdrawal_whole": lambda: make.make_vote(drawn(), withdrawn_number=10**9),
    "dataset_sha256_whole": lambda: make_dataset(sha256="abc"),
    "dataset_path_in_its_folder": lambda: make_dataset(path="datasets/../secret_key"),
    "dataset_form_known": lambda: make_dataset(form="novel"),
    "source_name_unique": lambda: [
        make_source(dataset=dataset) for dataset in [make_dataset()] for _time in range(2)
    ],
    "source_name_not_blank": lambda: make_source(name=""),
    "source_is_votes_or_pairs": lambda: make_source(cutoff=None),
    "source_weight_not_negative": lambda: make_source(weight=-1),
    "dataset_file_unique": lambda: [
        make_file(dataset=dataset) for dataset in [make_dataset()] for _time in range(2)
    ],
    "dataset_file_in_its_folder": lambda: make_file(path="secret_key"),
    "dataset_file_sha256_whole": lambda: make_file(sha256="abc"),
    "dataset_file_split_known": lambda: make_file(split="dev"),
    "export_state_known": lambda: make_export(state="dreaming"),
    "export_failure_said": lambda: make_export(state=Export.State.FAILED),
    "export_finished_has_a_dataset": lambda: make_export(state=Export.State.FINISHED),
    "preferenceset_slug_not_blank": lambda: PreferenceSet.objects.create(slug=""),
    "preference_key_unique_in_set": lambda: [
        make_pair(preference_set=preferences)
        for preferences in [PreferenceSet.objects.create(slug="s")]
        for _time in range(2)
    ],
    "preference_key_not_blank": lambda: make_pair(key=""),
    "preference_sha256_whole": lambda: make_pair(prompt_sha256="abc"),
    "preference_language_is_a_tag": lambda: make_pair(language="Japanese"),
    "training_state_known": lambda: make_training(state="dreaming"),
    "training_child_name_not_blank": lambda: make_training(child_name=""),
    "training_failure_said": lambda: make_training(state=TrainingRun.State.FAILED),
    "training_wish_known": lambda: make_training(wish="more"),
    "training_gate_in_range": lambda: make_training(gate_alpha=0.6),
    "training_gate_opens_round": lambda: make_training(gate_alpha=0.05, opens_round=False),
    "training_gate_settled_once_asked": lambda: make_training(gate_passed=True, gate_evidence={}),
    "metric_step_unique": lambda: [
        TrainingMetric.objects.create(training_run=run, step=1, values={})
        for run in [make_training()]
        for _time in range(2)
    ],
}


@pytest.mark.parametrize("constraint", SIMPLE)
def test_constraint_refuses(constraint: str) -> None:
    with refuses(constraint), transaction.atomic():
        SIMPLE[constraint]()


def test_comparison_candidates_in_order_refuses_the_other_order() -> None:
    comparison = drawn()
    a, b = comparison.completion_a, comparison.completion_b
    with refuses("comparison_candidates_in_order"), transaction.atomic():
        Comparison.objects.filter(pk=comparison.pk).update(
            completion_a=b, candidate_a=b.candidate, completion_b=a, candidate_b=a.candidate
        )


@pytest.mark.parametrize("side", ["a", "b"])
def test_comparison_completion_matches_refuses_another_prompt(side: str) -> None:
    comparison = drawn()
    other = make.make_prompt(comparison.prompt.prompt_set)
    completion = make.make_completion(getattr(comparison, f"candidate_{side}"), other)
    with refuses(f"comparison_completion_{side}_matches"), transaction.atomic():
        Comparison.objects.filter(pk=comparison.pk).update(**{f"completion_{side}": completion})
        connection.check_constraints()


def test_comparison_import_key_unique_refuses_a_second() -> None:
    comparison = drawn(import_key="7")
    with refuses("comparison_import_key_unique"), transaction.atomic():
        make.make_comparison(
            comparison.completion_a,
            comparison.completion_b,
            round_=comparison.round,
            annotator=comparison.annotator,
            import_key="7",
        )


def test_completion_identity_is_the_target_of_a_foreign_key() -> None:
    """The constraint adds nothing to the primary key but the columns that comparisons refer to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE confrelid = 'annotate_completion'::regclass"
            " AND conindid = 'completion_identity'::regclass ORDER BY conname"
        )
        assert [name for (name,) in cursor.fetchall()] == [
            "comparison_completion_a_matches",
            "comparison_completion_b_matches",
        ]


def make_ranking() -> Ranking:
    return Ranking.objects.create(
        run=make.make_run(), cutoff=1, settings={}, versions={}, n_votes=0, standings=[]
    )


APPEND_ONLY = {
    "completion": lambda: (
        make.make_open_round(n_candidates=1, n_prompts=1).candidates.get().completions.get()
    ),
    "ranking": make_ranking,
    "figure": make_figure,
    "stop": make_stop,
    "dataset": make_dataset,
    "source": lambda: make_source(),
    "file": lambda: make_file(),
    "pair": lambda: make_pair(),
    "vote": lambda: make.make_vote(drawn()),
    "mark": make_mark,
    "consent text": make.make_consent_text,
    "exclusion": make_exclusion,
    "plan": lambda: make_plan(launched_at=timezone.now(), sha256="0" * 64),
    "event": make_event,
    "cut": make_cut,
    "decision": make_run_decision,
    "template": make_template,
    "judge": make_judge,
    "reading": make_reading,
    "score": make_score,
}


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_append_only_table_refuses_removal(table: str) -> None:
    row: models.Model = APPEND_ONLY[table]()
    with pytest.raises(ProgrammingError, match=r"Cannot (update or )?delete"), transaction.atomic():
        type(row)._base_manager.filter(pk=row.pk).delete()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("completion", {"replies": ["better"]}),
        ("ranking", {"standings": ["me first"]}),
        ("figure", {"content": {"nicer": 1}}),
        ("stop", {"n_votes": 2}),
        ("dataset", {"n_pairs": 2}),
        ("source", {"weight": 2}),
        ("file", {"n_rows": 2}),
        ("pair", {"chosen": ["better"]}),
        ("vote", {"outcome": "b"}),
        ("vote", {"comment": "never said"}),
        ("mark", {"end": 4}),
        ("consent text", {"text_en": "We sell them."}),
        ("exclusion", {"reason": "other"}),
        ("candidate", {"sampling": {"temperature": 2}}),
        ("plan", {"config": {"seed": 2}}),
        ("event", {"kind": "edited"}),
        ("cut", {"error": 0}),
        ("decision", {"content": {"best": "another"}}),
        ("template", {"texts": {"en": "Say A."}}),
        ("judge", {"model": "another"}),
        ("reading", {"verdict": "b"}),
        ("score", {"score": 10}),
    ],
)
def test_append_only_table_refuses_change(table: str, change: dict[str, object]) -> None:
    made = {"candidate": lambda: make.make_candidate(make.make_run()), **APPEND_ONLY}
    row: models.Model = made[table]()
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        type(row)._base_manager.filter(pk=row.pk).update(**change)


@pytest.mark.parametrize(
    "change", [{"turns": ["Else?"]}, {"category": "else"}, {"is_held_out": False}]
)
def test_prompt_refuses_change(change: dict[str, object]) -> None:
    prompt = make.make_prompt(PromptSet.objects.create(slug="s"), is_held_out=True)
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Prompt.objects.filter(pk=prompt.pk).update(**change)


def test_prompt_can_be_held_out_later() -> None:
    prompt = make.make_prompt(PromptSet.objects.create(slug="s"))
    assert Prompt.objects.filter(pk=prompt.pk).update(is_held_out=True) == 1


def test_vote_is_withdrawn_only_once() -> None:
    vote = make.make_vote(drawn())
    withdrawal = {"withdrawn_number": vote.pk + 1, "withdrawn_at": timezone.now()}
    Vote.objects.filter(pk=vote.pk).update(**withdrawal)
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Vote.objects.filter(pk=vote.pk).update(withdrawn_number=None, withdrawn_at=None)


def test_exclusion_is_undone_only_once() -> None:
    exclusion = make_exclusion()
    undoing = {"undone_number": 8, "undone_at": timezone.now(), "undone_reason": "a mistake"}
    Exclusion.objects.filter(pk=exclusion.pk).update(**undoing)
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Exclusion.objects.filter(pk=exclusion.pk).update(undone_number=9)


def test_plan_can_be_edited_until_the_launch() -> None:
    plan = make_plan()
    assert RunPlan.objects.filter(pk=plan.pk).update(config={"seed": 2}) == 1


@pytest.mark.parametrize("broken", ["turned", "one twice", "of two prompts"])
def test_gold_pair_is_of_two_candidates_in_order_on_one_prompt(broken: str) -> None:
    run = make.make_run()
    pair = make.make_gold_pair(run)
    a, b = pair.completion_a, pair.completion_b
    other = make.make_gold_pair(run).completion_b
    sides = {"turned": (b, a), "one twice": (a, a), "of two prompts": (a, other)}[broken]
    with refuses("gold_two_in_order"):
        make.make_gold_pair(run, completion_a=sides[0], completion_b=sides[1])


def test_gold_pair_refuses_another_answer() -> None:
    pair = make.make_gold_pair(make.make_run())
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        GoldPair.objects.filter(pk=pair.pk).update(outcome="b")


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (["a  b\n"], [" a b"], True),
        (["a\u3000b"], ["a b"], True),
        (["a b "], ["ab"], False),
        (["a", "b"], ["a b"], False),
        (["a ", " b"], ["a", "b"], True),
        ([""], [" \n"], True),
    ],
)
def test_text_digest_is_equal_where_white_space_alone_differs(
    one: list[str], other: list[str], are_equal: bool
) -> None:
    run = make.make_run()
    prompt = make.make_prompt(run.prompt_sets.get())
    first, second = (
        make.make_completion(make.make_candidate(run), prompt, replies=replies)
        for replies in (one, other)
    )
    first.refresh_from_db()
    second.refresh_from_db()
    assert len(first.text_digest) == 32
    assert (first.text_digest == second.text_digest) == are_equal


def test_every_named_constraint_has_a_test() -> None:
    """A constraint without a case above fails here."""
    broken_elsewhere = {
        "comparison_candidates_in_order",
        "comparison_import_key_unique",
        "completion_identity",
    }
    tables = (
        Annotator, ApiToken, Candidate, Comparison, Completion, CompletionMeasure, Consent,
        ConsentText, DatasetFile, DatasetSource, DecisionRules, Exclusion, Export, GenerationShard,
        GoldPair, Invitation, Judge, JudgeReading, JudgeScore, JudgeSitting, JudgeTemplate,
        Participation, PassageMark, PreferenceDataset, PreferencePair, PreferenceSet, Prompt,
        PromptSet, Ranking, RankingFigure, RatingRules, ReasonTag, Report, Round, RoundCut,
        RoundEstimate, RunDecision, RunEvent, RunPlan, SelectionRun, Stop,
        Tally, TrainingMetric, TrainingRun, User, Vote,
    )  # fmt: skip
    named = {constraint.name for table in tables for constraint in table._meta.constraints}
    assert named == set(SIMPLE) | broken_elsewhere
