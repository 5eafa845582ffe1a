"""The loop of one seed, turned by the services that turn it in earnest; Django is set up before.

What a worker does as jobs is called directly, in the same order: generation and training are
processes of their own. Votes are imported, which is a hundred times as fast as one by one.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from django.db.models import QuerySet

from annotate.demo.corpus import DemoPrompt, demo_corpus, demo_prompts, recipe_prompts
from annotate.formats import Location, VoteRow
from annotate.generation.preferences import reply_utility, simulate_outcome
from annotate.models import (
    Candidate,
    Completion,
    Prompt,
    PromptSet,
    Round,
    SelectionRun,
    Vote,
)
from annotate.ranking import RankingSettings
from annotate.ranking.means import mean_by_group
from annotate.ranking.win_rate import win_rate
from annotate.services import generating, measuring, rounds, training
from annotate.services.drift import drift_of
from annotate.services.exporting import export_dataset, votes_of
from annotate.services.importing import import_votes
from annotate.services.ledger import take_cutoff
from annotate.services.numbers import json_number
from annotate.services.processes import run_module
from annotate.services.rankings import rank_votes
from annotate.services.vote_columns import read_votes
from benchmarks.loop_settings import LoopSettings
from training.config import TinyRun
from training.run_files import write_run

DRIFT = ("leakage", "leaking", "repetition", "length", "truncated", "empty")


def train_base(folder: Path, *, seed: int, settings: LoopSettings) -> Path:
    """Train the seed's first model, unless it is in the folder; give where it is."""
    wanted = json.dumps(settings.of_base() | {"seed": seed}, sort_keys=True)
    done = folder / "done.json"
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return folder / "model"
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    corpus = demo_corpus(seed=seed, n=settings.conversations, fault_share=settings.fault_share)
    lines = [json.dumps({"messages": each.messages()}, ensure_ascii=False) for each in corpus]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = TinyRun(
        corpus=str(folder / "corpus.jsonl"),
        output_dir=str(folder / "model"),
        metrics=str(folder / "metrics.jsonl"),
        seed=seed,
        **settings.tiny,
    )
    write_run(run, folder / "run.json")
    (folder / "metrics.jsonl").unlink(missing_ok=True)
    run_module(module="training", config=folder / "run.json", on_tick=lambda: None)
    done.write_text(wanted, encoding="utf-8")
    return folder / "model"


def turn_loop(base: Path, *, seed: int, settings: LoopSettings) -> dict[str, Any]:
    """Turn the loop as often as the settings say, and give all that was measured."""
    loop = _Loop(base=base, seed=seed, settings=settings)
    loop.begin()
    for number in range(1, settings.rounds + 1):
        loop.turn(number)
    return loop.tell()


@dataclass
class _Loop:
    """One seed's loop as it goes on.

    Attributes:
        lineage: each model at the first temperature, the first parent first. Its child is trained
            on votes on it and on its twin at the other one, and meets it on held-out prompts.
    """

    base: Path
    seed: int
    settings: LoopSettings
    lineage: list[Candidate] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Store prompts, run and the first parent, who stays as an anchor."""
        prompt_set = store_prompts(self.settings)
        self.run = rounds.create_run(
            slug=f"loop-{self.seed}",
            prompt_sets=[prompt_set],
            samples_per_prompt=self.settings.samples_per_prompt,
            seed=self.seed,
        )
        self.lineage.append(
            Candidate.objects.create(
                run=self.run,
                name="model 0",
                model=str(self.base),
                engine=Candidate.Engine.TRANSFORMERS,
                prompt_format=Candidate.PromptFormat.CHAT_TEMPLATE,
                sampling=self._sampling(0),
                origin=Candidate.Origin.SFT,
                is_anchor=True,
            )
        )

    def turn(self, number: int) -> None:
        """Vote on the newest model, train its child on these votes, and let the two meet."""
        parent = self.lineage[-1]
        voted = self._vote_for_training(parent)
        only = voted.number if self.settings.votes == "fresh" else None
        dataset = export_dataset(votes_of(self.run.slug, round=only))
        with self._timed("train"):
            child = self._train(number, parent, dataset)
        meeting = child.rounds.get()
        self._generate(meeting)
        self._vote(meeting, votes_per_pair=self.settings.meeting_votes)
        self.lineage.append(child)
        told = {
            "round": number,
            "training_votes": outcomes_of(voted),
            "pairs": dataset.n_pairs,
            "meeting_votes": outcomes_of(meeting),
            "over_parent": compare(meeting, child, parent),
            "over_first": compare(meeting, child, self.lineage[0]),
        }
        self.told.append(told)
        say = f"seed {self.seed}, round {number}: {dataset.n_pairs} pairs, the child won"
        print(f"{say} {told['over_parent']['rate']:.1%}", file=sys.stderr, flush=True)

    def tell(self) -> dict[str, Any]:
        """Give all that was measured, models by their place in the lineage."""
        with self._timed("measure"):
            measuring.measure_missing(run=self.run)
        measures = drift_of(run=self.run, round_=self._meet_everybody())
        by_name = {each.candidate.pk: each.values for each in measures}
        models = [
            {
                "model": place,
                "faultless": share_faultless(candidate),
                **{
                    str(name): asdict(by_name[candidate.pk][name])
                    for name in by_name[candidate.pk]
                    if name in DRIFT
                },
                **strength,
            }
            for place, (candidate, strength) in enumerate(
                zip(self.lineage, strengths_of(self.run, self.lineage), strict=True)
            )
        ]
        return {
            "seed": self.seed,
            "rounds": self.told,
            "models": models,
            "seconds": {name: round(each, 1) for name, each in self.seconds.items()},
        }

    def _vote_for_training(self, parent: Candidate) -> Round:
        """Have the newest model's two samplings compared on training prompts."""
        twin = Candidate.objects.create(
            run=self.run,
            name=f"{parent.name} at {self.settings.temperatures[1]}",
            model=parent.model,
            engine=parent.engine,
            prompt_format=parent.prompt_format,
            sampling=self._sampling(1),
            origin=parent.origin,
            training_run=parent.training_run,
        )
        round_ = rounds.create_round(
            run=self.run, candidates=[parent, twin], prompt_scope=Round.Scope.TRAINING
        )
        generating.ask_for_completions(round_=round_)
        self._generate(round_)
        self._vote(round_, votes_per_pair=self.settings.training_votes)
        return round_

    def _generate(self, round_: Round) -> None:
        with self._timed("generate"):
            for shard in round_.shards.order_by("id"):
                generating.generate_shard(shard=shard)
            round_.refresh_from_db()

    def _vote(self, round_: Round, *, votes_per_pair: int) -> None:
        with self._timed("vote"):
            cast_votes(
                round_,
                votes_per_pair=votes_per_pair,
                n_annotators=self.settings.annotators,
                rng=np.random.default_rng([self.seed, round_.number]),
                noise=self.settings.noise,
            )

    def _train(self, number: int, parent: Candidate, dataset: Any) -> Candidate:
        run = training.start_training(
            dataset=dataset,
            base=parent,
            child_name=f"model {number}",
            is_queued=False,
            seed=1000 * self.seed + number,
            **self.settings.dpo_of(number),
        )
        training.train(training_run=run)
        return run.candidates.get()

    def _sampling(self, which: int) -> dict[str, Any]:
        temperature = self.settings.temperatures[which]
        return {"temperature": temperature, "max_tokens": self.settings.max_tokens}

    def _meet_everybody(self) -> Round:
        """Make a round of the whole lineage on held-out prompts, to measure it by; none votes."""
        return rounds.create_round(
            run=self.run, candidates=self.lineage, prompt_scope=Round.Scope.HELD_OUT
        )

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds[step] += time.monotonic() - begun


def store_prompts(settings: LoopSettings) -> PromptSet:
    """Store the prompts that the settings name; a third of them is held out."""
    prompts = demo_prompts() if settings.prompts == "demo" else recipe_prompts()
    prompt_set = PromptSet.objects.create(slug=settings.prompts)
    Prompt.objects.bulk_create(
        _prompt(prompt_set, prompt) for prompt in _thin(prompts, settings.questions)
    )
    return prompt_set


def _thin(prompts: tuple[DemoPrompt, ...], every: int) -> list[DemoPrompt]:
    """Keep every so-manieth of the training prompts, and of those held out."""
    parts = ([p for p in prompts if p.is_held_out == held_out] for held_out in (False, True))
    return [prompt for part in parts for prompt in part[::every]]


def _prompt(prompt_set: PromptSet, prompt: DemoPrompt) -> Prompt:
    return Prompt(
        prompt_set=prompt_set,
        key=prompt.key,
        system=prompt.system or "",
        turns=list(prompt.turns),
        language=prompt.language,
        category=prompt.category,
        is_held_out=prompt.is_held_out,
    )


def cast_votes(
    round_: Round, *, votes_per_pair: int, n_annotators: int, rng: np.random.Generator, noise: float
) -> None:
    """Have annotators say which they prefer, as often for each two candidates of the round."""
    for first, second in combinations(round_.candidates.order_by("id"), 2):
        rows = []
        for number, (a, b) in enumerate(draw_pairs(round_, first, second, votes_per_pair, rng)):
            rows.append(
                VoteRow(
                    prompt=a.prompt.key,
                    candidate_a=first.name,
                    sample_a=a.sample,
                    candidate_b=second.name,
                    sample_b=b.sample,
                    outcome=judge(a, b, rng=rng, noise=noise),
                    annotator=f"simulated-{number % n_annotators + 1}",
                    annotator_kind="simulated",
                    id=f"{round_.number}-{first.pk}-{second.pk}-{number}",
                    location=Location("simulated", number),
                )
            )
        import_votes(rows=rows, run=round_.run)


def draw_pairs(
    round_: Round, first: Candidate, second: Candidate, n: int, rng: np.random.Generator
) -> list[tuple[Completion, Completion]]:
    """Draw pairs of two candidates' texts on the round's prompts; equal texts are no pair.

    None comes again before each has come; n is made smaller where there is nothing to compare.
    """
    theirs: dict[int, list[Completion]] = {}
    for completion in _texts(round_, second):
        theirs.setdefault(completion.prompt_id, []).append(completion)
    pairs = [
        (a, b) for a in _texts(round_, first) for b in theirs[a.prompt_id] if a.replies != b.replies
    ]
    passes = -(-n // len(pairs)) if pairs else 0
    order = [place for _pass in range(passes) for place in rng.permutation(len(pairs))]
    return [pairs[place] for place in order[:n]]


def _texts(round_: Round, candidate: Candidate) -> QuerySet[Completion]:
    mine = Completion.objects.filter(candidate=candidate, prompt__in=round_.prompts())
    return mine.select_related("prompt").order_by("prompt", "sample")


def judge(
    a: Completion, b: Completion, *, rng: np.random.Generator, noise: float
) -> Literal["a", "b", "tie", "both_bad"]:
    """Say what an annotator says of two texts, who sees them and nothing else."""
    utility_a, utility_b = (utility_of(each.prompt, each.replies) for each in (a, b))
    said = simulate_outcome(utility_left=utility_a, utility_right=utility_b, rng=rng, noise=noise)
    if said == "left":
        return "a"
    return "b" if said == "right" else said


def utility_of(prompt: Prompt, replies: list[str]) -> float:
    """Give how free of faults replies look; 0 has none."""
    return reply_utility(
        prompt="\n".join(prompt.turns), reply="\n".join(replies), language=prompt.language
    )


def outcomes_of(round_: Round) -> dict[str, int]:
    """Count the round's votes by outcome."""
    outcomes = Vote.objects.counting().filter(comparison__round=round_)
    return dict(sorted(Counter(outcomes.values_list("outcome", flat=True)).items()))


def compare(meeting: Round, child: Candidate, other: Candidate) -> dict[str, Any]:
    """Give the child's share of the votes on both, a draw or "both bad" half a win to each.

    `low` and `high` bound it at 95 % with votes on one prompt as one cluster, since prompts differ;
    `low_votes` and `high_votes` take votes as independent (Tango 1998).
    """
    two = [child, other]
    votes = Vote.objects.counting().filter(
        comparison__round=meeting,
        comparison__candidate_a__in=two,
        comparison__candidate_b__in=two,
    )
    ours, theirs = ("a", "b") if child.pk < other.pk else ("b", "a")
    said = list(votes.values_list("outcome", "comparison__prompt"))
    worth = [{ours: 1.0, theirs: 0.0}.get(outcome, 0.5) for outcome, _prompt in said]
    _known, cluster = np.unique([prompt for _outcome, prompt in said], return_inverse=True)
    mean = mean_by_group(worth, np.zeros(len(worth), dtype=np.int64), cluster, n_groups=1)
    wins, losses = worth.count(1.0), worth.count(0.0)
    by_votes = win_rate(wins=wins, losses=losses, ties=len(worth) - wins - losses)
    return {
        "rate": by_votes.rate,
        "low": json_number(max(0.0, mean.low[0])),
        "high": json_number(min(1.0, mean.high[0])),
        "low_votes": by_votes.low,
        "high_votes": by_votes.high,
        "wins": wins,
        "losses": losses,
        "n": by_votes.n,
    }


def strengths_of(run: SelectionRun, lineage: list[Candidate]) -> list[dict[str, float | None]]:
    """Rank the lineage by all votes on held-out prompts: log odds over the first parent."""
    votes = read_votes(run=run, cutoff=take_cutoff(run=run), filters={})
    held_out = list(run.prompts().held_out().values_list("pk", flat=True))
    ids = [candidate.pk for candidate in lineage]
    fit = rank_votes(
        votes[np.isin(votes["prompt"], held_out)],
        [(candidate.pk, candidate.name) for candidate in lineage],
        RankingSettings(),
    )
    (group,) = fit.groups  # everybody has met the first parent
    weights = np.eye(len(ids))
    weights[:, 0] -= 1
    told = zip(*group.interval(weights), strict=True)
    return [
        {
            "strength": json_number(strength),
            "strength_low": json_number(low),
            "strength_high": json_number(high),
        }
        for strength, low, high in told
    ]


def share_faultless(candidate: Candidate) -> float:
    """Give the share of a candidate's held-out replies in which nothing can be counted."""
    completions = Completion.objects.filter(
        candidate=candidate, prompt__is_held_out=True
    ).select_related("prompt")
    perfect = [utility_of(each.prompt, each.replies) == 0 for each in completions]
    return sum(perfect) / len(perfect)
