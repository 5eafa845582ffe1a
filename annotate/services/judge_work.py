"""One attempt at a judge's work in a round: draw pairs, write requests, store what is read."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from annotate.generation.judging import (
    Conversation,
    ask_about_pair,
    combine_verdicts,
    name_verdict,
    read_verdict,
)
from annotate.generation.rows import GeneratedCompletion, GenerationRequest
from annotate.generation.seeds import draw_seed, reading_seed
from annotate.models import (
    Comparison,
    Completion,
    Judge,
    JudgeReading,
    Round,
    SelectionRun,
    Vote,
)
from annotate.models.comparisons import ComparisonQuerySet, Purpose, SkipReason
from annotate.services import drawing, errors, ledger, pairing, waiting
from annotate.services.ballots import Ballot
from annotate.services.judge_attempt import JudgeAttempt, read_words
from annotate.services.storing import name_engine

Order = JudgeReading.Order
CHUNK = 200  # comparisons whose texts are read from the database at a time


class Reading(NamedTuple):
    """A reading that is to be made: of which comparison, in which order, by which seed."""

    comparison: int
    order: str
    seed: int


class SittingWork(JudgeAttempt[Reading]):
    """What is left of a judge's comparisons in a round: readings, each of a pair in one order."""

    def begin(self) -> None:
        """Draw pairs until there are as many as are wanted, and look up which are not read yet."""
        self.draw()
        super().begin()

    def goes_on(self) -> Q:
        """Go on while the judge judges in the run, and the round takes votes."""
        is_open = Q(judge__runs=F("round__run"), round__closed_at=None)
        return is_open & ~Q(round__run__state=SelectionRun.State.CLOSED)

    def draw(self) -> None:
        """Draw comparisons until there are as many as are wanted, or nothing is left."""
        self.sitting.refresh_from_db(fields=["n_wanted"])
        there = drawn_for(self.judge, self.round).count()
        for number in range(there, self.sitting.n_wanted):
            try:
                self._draw_one(number)
            except errors.NothingLeft:
                return

    def find_missing(self) -> dict[str, Reading]:
        """Look up which comparisons lack a reading."""
        waiting_ = unjudged(self.judge, self.round)
        there = set(
            JudgeReading.objects.filter(comparison__in=waiting_).values_list("comparison", "order")
        )
        rows = waiting_.order_by("id").values_list(
            "id",
            "prompt__prompt_set__slug",
            "prompt__key",
            "candidate_a__name",
            "completion_a__sample",
            "candidate_b__name",
            "completion_b__sample",
        )
        return {
            f"{pk}/{order}": Reading(pk, order, self._seed(order, *names))
            for pk, *names in rows
            for order in Order.values
            if (pk, order) not in there
        }

    def requests(self) -> Iterator[GenerationRequest]:
        """Yield a request for each missing reading; texts are read as they are wanted."""
        ids = sorted({each.comparison for each in self.missing.values()})
        for start in range(0, len(ids), CHUNK):
            comparisons = Comparison.objects.filter(pk__in=ids[start : start + CHUNK])
            for comparison in comparisons.select_related(
                "prompt", "completion_a", "completion_b"
            ).order_by("id"):
                for order in Order.values:
                    key = f"{comparison.pk}/{order}"
                    if key in self.missing:
                        yield self._ask(comparison, order, key)

    def read(self, wanted: Reading, made: GeneratedCompletion | None) -> JudgeReading:
        """Read a verdict; of no words, one that could not be read."""
        reply = read_words(made)
        reading = JudgeReading(
            judge=self.judge,
            comparison_id=wanted.comparison,
            order=wanted.order,
            verdict=name_verdict(read_verdict(reply), order=wanted.order),
            reply=reply,
            seed=wanted.seed,
        )
        if made is not None:
            reading.prompt_tokens = made.prompt_tokens
            reading.completion_tokens = made.completion_tokens
            reading.engine_version = name_engine(made)
            reading.rendered_prompt_sha256 = made.rendered_prompt_sha256
        return reading

    def write(self, rows: list[JudgeReading]) -> None:
        """Store readings, and the votes that follow from them."""
        with transaction.atomic():
            waiting.hold_annotator(self.judge.annotator)
            JudgeReading.objects.bulk_create(rows, ignore_conflicts=True)
            _cast(self.round, {reading.comparison_id for reading in rows})

    def _draw_one(self, number: int) -> None:
        seed = draw_seed(
            run_seed=self.run.seed,
            judge=self.judge.slug,
            round_number=self.round.number,
            comparison=number,
        )
        with transaction.atomic():
            annotator = waiting.hold_annotator(self.judge.annotator)
            now = pairing.look_at(self.round)
            if not now.round.is_open:
                raise errors.RunClosed
            comparison = drawing.draw_comparison(
                now=now, annotator=annotator, rng=np.random.default_rng(seed)
            )
            comparison.lease_expires_at = timezone.now()  # nobody else is waiting for its answer
            comparison.save()

    def _seed(self, order: str, *names: Any) -> int:
        prompt_set, prompt, candidate_a, sample_a, candidate_b, sample_b = names
        return reading_seed(
            run_seed=self.run.seed,
            judge=self.judge.slug,
            prompt=f"{prompt_set}/{prompt}",
            texts=f"{candidate_a}/{sample_a} {candidate_b}/{sample_b}",
            order=order,
        )

    def _ask(self, comparison: Comparison, order: str, key: str) -> GenerationRequest:
        prompt = comparison.prompt
        two = [
            Conversation(prompt.turns, completion.replies, prompt.system)
            for completion in _in_order(comparison, order)
        ]
        return ask_about_pair(
            template=self.template,
            language=prompt.language,
            first=two[0],
            second=two[1],
            key=key,
            seed=self.missing[key].seed,
        )


def drawn_for(judge: Judge, round_: Round) -> ComparisonQuerySet:
    """Find the comparisons that were drawn for a judge in a round."""
    own = Comparison.objects.filter(annotator=judge.annotator_id, round=round_)
    return own.filter(purpose=Purpose.RANKING, import_key=None)


def unjudged(judge: Judge, round_: Round) -> ComparisonQuerySet:
    """Find those of them that wait for the judge."""
    return drawn_for(judge, round_).unanswered()


def _in_order(comparison: Comparison, order: str) -> list[Completion]:
    two = [comparison.completion_a, comparison.completion_b]
    return two if order == Order.AB else two[::-1]


def _cast(round_: Round, ids: Iterable[int]) -> None:
    """Cast the votes that follow from both readings of comparisons; the caller holds the judge.

    A pair that could not be read is passed over. In a round that has closed readings alone stay.
    """
    ledger.hold_ledger(run_id=round_.run_id)
    if Round.objects.filter(pk=round_.pk, closed_at__isnull=False).exists():
        return
    now, answered, passed_over = timezone.now(), [], []
    waiting_ = Comparison.objects.filter(pk__in=ids).unanswered().prefetch_related("readings")
    for comparison in waiting_.order_by("id"):
        said = {reading.order: reading.verdict for reading in comparison.readings.all()}
        if len(said) < len(Order):
            continue
        outcome = combine_verdicts(said[Order.AB], said[Order.BA])
        if outcome is None:
            passed_over.append(comparison.pk)
        else:
            Ballot(outcome).cast(comparison=comparison, turn=Vote.WHOLE_CONVERSATION, at=now)
            answered.append(comparison.pk)
    Comparison.objects.filter(pk__in=answered).update(answered_at=now)
    Comparison.objects.filter(pk__in=passed_over).update(
        skipped_at=now, skip_reason=SkipReason.CANNOT_JUDGE
    )
