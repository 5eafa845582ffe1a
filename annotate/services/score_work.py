"""One attempt at a judge's scores of a round: write requests, store what is read."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models import Func, IntegerField, Q, Sum

from annotate.generation.judging import Conversation
from annotate.generation.rows import GeneratedCompletion, GenerationRequest
from annotate.generation.scoring import ask_for_score, has_reference, read_score
from annotate.generation.seeds import score_seed
from annotate.models import Candidate, Completion, JudgeScore, Round
from annotate.models.candidates import CompletionQuerySet
from annotate.services.judge_attempt import JudgeAttempt, read_words
from annotate.services.storing import name_engine

CHUNK = 200  # completions whose texts are read from the database at a time


class Wanted(NamedTuple):
    """A score that is to be given: of which reply, for which time, and by which seed."""

    completion: int
    turn: int
    choice: int
    seed: int
    has_reference: bool


def completions_of(round_: Round) -> CompletionQuerySet:
    """Find what the round's candidates answered to its prompts."""
    candidates = Candidate.objects.competing().filter(rounds=round_)
    return Completion.objects.filter(candidate__in=candidates, prompt__in=round_.prompts())


def count_wanted(round_: Round) -> int:
    """Count the replies that the round has to score: a turn of a completion each."""
    n_turns = Func("replies", function="cardinality", output_field=IntegerField())
    return completions_of(round_).order_by().aggregate(n=Sum(n_turns))["n"] or 0


class ScoringWork(JudgeAttempt[Wanted]):
    """What is left of a judge's scores in a round."""

    def goes_on(self) -> Q:
        """Go on until the run is given up: a score changes nothing in the run, open or closed."""
        return Q(round__run__cancelled_at=None)

    def find_missing(self) -> dict[str, Wanted]:
        """Look up which scores are not there."""
        self.sitting.refresh_from_db(fields=["choices"])
        completions = completions_of(self.round)
        there = set(
            JudgeScore.objects.filter(judge=self.judge, completion__in=completions).values_list(
                "completion", "turn", "choice"
            )
        )
        rows = completions.order_by("prompt", "candidate", "sample").values_list(
            "id", "replies__len", "prompt__references", "prompt__prompt_set__slug", "prompt__key",
            "candidate__name", "sample",
        )  # fmt: skip
        return {
            f"{pk}/{turn}/{choice}": Wanted(
                pk, turn, choice, self._seed(turn, choice, *names),
                has_reference(references, turn=turn),
            )
            for pk, n_turns, references, *names in rows.iterator(chunk_size=CHUNK)
            for turn in range(1, n_turns + 1)
            for choice in range(self.sitting.choices)
            if (pk, turn, choice) not in there
        }  # fmt: skip

    def requests(self) -> Iterator[GenerationRequest]:
        """Yield a request for each missing score; texts are read as they are wanted."""
        wanted: dict[int, list[tuple[str, Wanted]]] = {}
        for key, each in self.missing.items():
            wanted.setdefault(each.completion, []).append((key, each))
        ids = list(wanted)
        for start in range(0, len(ids), CHUNK):
            completions = Completion.objects.filter(pk__in=ids[start : start + CHUNK])
            for completion in completions.select_related("prompt").order_by("id"):
                for key, each in wanted[completion.pk]:
                    yield self._ask(completion, key, each)

    def read(self, wanted: Wanted, made: GeneratedCompletion | None) -> JudgeScore:
        """Read a score; of no words, one that could not be read."""
        reply = read_words(made)
        return JudgeScore(
            judge=self.judge,
            completion_id=wanted.completion,
            turn=wanted.turn,
            choice=wanted.choice,
            score=read_score(reply),
            reply=reply,
            had_reference=wanted.has_reference,
            seed=wanted.seed,
            engine_version=name_engine(made) if made else "",
            rendered_prompt_sha256=made.rendered_prompt_sha256 if made else "",
        )

    def write(self, rows: list[JudgeScore]) -> None:
        """Store scores."""
        JudgeScore.objects.bulk_create(rows, ignore_conflicts=True)

    def _seed(self, turn: int, choice: int, *names: Any) -> int:
        prompt_set, prompt, candidate, sample = names
        return score_seed(
            run_seed=self.run.seed,
            judge=self.judge.slug,
            prompt=f"{prompt_set}/{prompt}",
            text=f"{candidate}/{sample}",
            turn=turn,
            choice=choice,
        )

    def _ask(self, completion: Completion, key: str, wanted: Wanted) -> GenerationRequest:
        prompt = completion.prompt
        return ask_for_score(
            template=self.template,
            language=prompt.language,
            conversation=Conversation(prompt.turns, completion.replies, prompt.system),
            turn=wanted.turn,
            references=prompt.references,
            key=key,
            seed=wanted.seed,
        )
