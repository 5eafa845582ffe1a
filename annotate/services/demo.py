"""The demo: the loop once, on a tiny model that is trained on the spot."""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from annotate.demo.corpus import demo_corpus, demo_prompts
from annotate.demo.recipe import RECIPE
from annotate.formats import read_gold
from annotate.models import (
    Candidate,
    Completion,
    GenerationShard,
    PreferenceDataset,
    Prompt,
    PromptSet,
    Ranking,
    Round,
    SelectionRun,
    TrainingRun,
    User,
    Vote,
)
from annotate.ranking import RankingSettings
from annotate.ranking.win_rate import WinRate, win_rate
from annotate.services import generating, rounds
from annotate.services.exporting import export_dataset, votes_of
from annotate.services.gold import import_gold
from annotate.services.processes import ProcessFailed, run_module
from annotate.services.rankings import store_rankings
from annotate.services.simulating import simulate_votes
from annotate.services.training import start_training
from training.config import TinyRun
from training.run_files import write_run

SLUG = "demo"
PRACTICE = Path(__file__).resolve().parent.parent / "demo" / "practice.jsonl"
POLL_S = 0.5
ROLES = (User.Role.VOLUNTEER, User.Role.RESEARCHER, User.Role.ADMIN)


class DemoFailed(Exception):
    """A step of the demo could not be done; the text says which and why."""


class Report(Protocol):
    """Where the demo says how far it has come."""

    def step(self, text: str) -> None:
        """Say that a step begins."""

    def bar(self, text: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Show a bar for a long step; the function takes how much is done, and of how much."""


@dataclass(frozen=True)
class Summary:
    """What the demo has to show for itself."""

    rankings: tuple[Ranking, ...]
    dataset: PreferenceDataset
    training_run: TrainingRun
    child: Candidate
    child_over_parent: WinRate
    password: str


def is_complete() -> bool:
    """Tell whether the loop has turned here already."""
    return Ranking.objects.filter(run__slug=SLUG, filters={"round": 2}).exists()


def turn_the_loop(*, url: str, seed: int, report: Report) -> None:
    """Do what is still missing of the demo; a call after an interruption goes on from there."""
    make_accounts()
    base = _pretrain(seed, report)
    run = _begin_run(base, seed, report)
    _vote(run, number=1, votes=RECIPE.round_1_votes, url=url, seed=seed, report=report)
    training_run = _train(run, seed, report)
    _wait_for_training(training_run, report)
    _vote(run, number=2, votes=RECIPE.round_2_votes, url=url, seed=seed + 1, report=report)


def summarise() -> Summary:
    """Gather the finished demo's rankings, files and figures."""
    run = SelectionRun.objects.get(slug=SLUG)
    newest = {
        number: Ranking.objects.filter(run=run, filters={"round": number}).first()
        for number in (1, 2)
    }
    child = run.candidates.filter(origin=Candidate.Origin.DPO).earliest("id")
    assert child.training_run is not None
    return Summary(
        rankings=tuple(ranking for ranking in newest.values() if ranking),
        dataset=child.training_run.dataset,
        training_run=child.training_run,
        child=child,
        child_over_parent=child_over_parent(child=child),
        password=demo_password(),
    )


def child_over_parent(*, child: Candidate) -> WinRate:
    """Count how often a child was preferred to its parent on held-out prompts."""
    parent = child.parents.get()
    votes = (
        Vote.objects.counting()
        .by_people()
        .filter(
            comparison__candidate_a__in=[parent, child],
            comparison__candidate_b__in=[parent, child],
            comparison__prompt__is_held_out=True,
        )
    )
    outcomes = list(votes.values_list("outcome", flat=True))
    ours, theirs = ("a", "b") if child.pk < parent.pk else ("b", "a")
    wins, losses = outcomes.count(ours), outcomes.count(theirs)
    return win_rate(wins=wins, losses=losses, ties=len(outcomes) - wins - losses)


def make_accounts() -> None:
    """Make an account of each role, with the demo's password."""
    for role in ROLES:
        if not User.objects.filter(username=role).exists():
            User.objects.create_user(role, password=demo_password(), role=role)


def demo_password() -> str:
    """Give the password of the demo's accounts, drawn once for this installation."""
    path = Path(settings.KURABE_HOME) / "demo.json"
    if not path.exists():
        path.write_text(json.dumps({"password": secrets.token_hex(5)}), encoding="utf-8")
        path.chmod(0o600)
    return str(json.loads(path.read_text(encoding="utf-8"))["password"])


def _pretrain(seed: int, report: Report) -> Path:
    """Train the tiny Llama and its tokenizer, unless they are there; give their folder."""
    folder = Path(settings.KURABE_HOME) / "demo" / f"tiny-{seed}"
    model = folder / "model"
    if (folder / "done").exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    corpus = demo_corpus(seed=seed, n=RECIPE.conversations, fault_share=RECIPE.fault_share)
    lines = [json.dumps({"messages": each.messages()}, ensure_ascii=False) for each in corpus]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = folder / "run.json"
    metrics = folder / "metrics.jsonl"
    write_run(
        TinyRun(
            corpus=str(folder / "corpus.jsonl"),
            output_dir=str(model),
            metrics=str(metrics),
            seed=seed,
            **RECIPE.tiny,
        ),
        config,
    )
    metrics.unlink(missing_ok=True)
    with report.bar("Training a tiny Llama on a small corpus") as show:
        try:
            run_module(module="training", config=config, on_tick=lambda: _show_steps(metrics, show))
        except ProcessFailed as error:
            raise DemoFailed(f"the tiny model could not be trained: {error}") from error
    (folder / "done").touch()
    return model


def _begin_run(model: Path, seed: int, report: Report) -> SelectionRun:
    """Store prompts, run and candidates, and queue the first round's completions."""
    run = SelectionRun.objects.filter(slug=SLUG).first()
    if run is not None:
        return run
    report.step("Writing prompts in Japanese and English, some of them held out")
    with transaction.atomic():
        prompt_set, _created = PromptSet.objects.get_or_create(slug=SLUG, title="Demo / デモ")
        Prompt.objects.bulk_create(
            Prompt(
                prompt_set=prompt_set,
                key=prompt.key,
                system=prompt.system or "",
                turns=list(prompt.turns),
                language=prompt.language,
                category=prompt.category,
                is_held_out=prompt.is_held_out,
            )
            for prompt in demo_prompts()
        )
        run = rounds.create_run(
            slug=SLUG,
            title="Demo / デモ",
            prompt_sets=[prompt_set],
            samples_per_prompt=RECIPE.samples_per_prompt,
            seed=seed,
        )
        candidates = [
            Candidate.objects.create(
                run=run,
                name=f"tiny-llama temp {temperature}",
                model=str(model),
                engine=Candidate.Engine.TRANSFORMERS,
                prompt_format=Candidate.PromptFormat.CHAT_TEMPLATE,
                sampling={"temperature": temperature, "max_tokens": RECIPE.max_tokens},
                licence="Apache-2.0",
                origin=Candidate.Origin.SFT,
            )
            for temperature in RECIPE.temperatures
        ]
        round_ = rounds.create_round(
            run=run,
            candidates=candidates,
            prompt_scope=Round.Scope.TRAINING,
            votes_wanted=RECIPE.round_1_votes,
        )
        generating.ask_for_completions(round_=round_)
        add_practice(run=run)
    return run


def add_practice(*, run: SelectionRun) -> None:
    """Let newcomers practise in both languages; simulated annotators need none."""
    import_gold(rows=read_gold(PRACTICE), run=run)


def _vote(
    run: SelectionRun, *, number: int, votes: int, url: str, seed: int, report: Report
) -> None:
    """Wait until the round has its completions, let simulated annotators vote, and rank."""
    round_ = run.rounds.get(number=number)
    _wait_for_completions(round_, report)
    cast = round_.comparisons.judged().count()
    if cast < votes and round_.closed_at is None:
        with report.bar(f"Simulated annotators vote in round {number}, over HTTP") as show:
            simulate_votes(
                run=run,
                votes=votes - cast,
                seed=seed,
                url=url,
                n_annotators=RECIPE.annotators,
                noise=RECIPE.noise,
                on_vote=lambda done: show(cast + done, votes),
            )
    if not Ranking.objects.filter(run=run, filters={"round": number}).exists():
        report.step(f"Ranking the candidates of round {number}")
        store_rankings(run=run, settings=RankingSettings(), filters={"round": number})


def _train(run: SelectionRun, seed: int, report: Report) -> TrainingRun:
    """Export the votes, and queue the training of the candidate that won round 1."""
    training_run = TrainingRun.objects.filter(base__run=run).last()
    if training_run is not None and training_run.state != TrainingRun.State.FAILED:
        return training_run
    ranking = Ranking.objects.filter(run=run, filters={"round": 1}).latest("id")
    base = run.candidates.get(pk=ranking.standings[0]["candidate_id"])
    dataset = export_dataset(votes_of(run.slug))
    report.step(f"Exported {dataset.n_pairs} pairs of chosen and rejected replies for DPO")
    return start_training(
        dataset=dataset,
        base=base,
        child_name=f"{base.name} dpo1",
        # Any number: when the simulated annotators are done, visitors vote in the round.
        next_round_votes=None,
        seed=seed,
        **RECIPE.dpo,
    )


def _wait_for_training(training_run: TrainingRun, report: Report) -> None:
    """Watch the worker train, until the checkpoint is a candidate."""
    with report.bar(f"Training {training_run.child_name} with DPO (TRL)") as show:
        while not training_run.is_over:
            newest = training_run.metrics.last()
            if newest is not None:
                show(newest.step, newest.values["total_steps"])
            time.sleep(POLL_S)
            training_run.refresh_from_db()
            _raise_if_job_failed("annotate.tasks.train", training_run_id=training_run.pk)
    if training_run.state != TrainingRun.State.FINISHED:
        raise DemoFailed(f"the training run {training_run.state}: {training_run.failure}")


def _wait_for_completions(round_: Round, report: Report) -> None:
    """Watch the worker generate, until the round is open."""
    if _has_opened(round_):
        return
    generating.retry_failed(round_=round_)  # as an earlier call may have left them
    wanted = sum(wanted for _made, wanted in generating.count_completions(round_=round_).values())
    with report.bar(f"Generating completions for round {round_.number}") as show:
        while not _has_opened(round_):
            made = Completion.objects.filter(
                candidate__rounds=round_, prompt__in=round_.prompts()
            ).count()
            show(made, wanted)
            time.sleep(POLL_S)
            _raise_if_generation_failed(round_)
        show(wanted, wanted)


def _has_opened(round_: Round) -> bool:
    """Look again whether the worker has opened the round."""
    round_.refresh_from_db()
    return round_.has_opened


def _raise_if_generation_failed(round_: Round) -> None:
    """Stop waiting for completions that somebody would have to ask for again."""
    failed = round_.shards.filter(state=GenerationShard.State.FAILED).first()
    if failed is not None:
        raise DemoFailed(f"{failed.candidate} could not answer: {failed.failure}")


def _raise_if_job_failed(task_name: str, **arguments: int) -> None:
    """Stop waiting for a job that will never be done."""
    if ProcrastinateJob.objects.filter(
        task_name=task_name, args=arguments, status="failed"
    ).exists():
        log = settings.KURABE_HOME / "logs" / "worker.log"
        raise DemoFailed(f"the worker could not do {task_name}; {log} says why")


def _show_steps(metrics: Path, show: Callable[[int, int], None]) -> None:
    """Show how far a training has come, from the last whole line of its metrics."""
    if not metrics.exists():
        return
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").split("\n")[:-1]]
    steps = [row for row in rows if "total_steps" in row]
    if steps:
        show(steps[-1]["step"], steps[-1]["total_steps"])
