"""Pairs whose right answer is known: to practise on, and to see who reads with care."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotate.formats import GoldRow
from annotate.models import (
    Candidate,
    Completion,
    GoldPair,
    Prompt,
    PromptSet,
    SelectionRun,
    User,
)
from annotate.models.comparisons import Outcome, Purpose
from annotate.services import errors
from annotate.services.importing.counts import Counts

USES = (Purpose.GOLD, Purpose.PRACTICE)
WRITERS = ("written 1", "written 2")
FLIPPED: dict[str, str] = {Outcome.A: Outcome.B, Outcome.B: Outcome.A}
_LONGEST_SET_SLUG = 100


def add_gold_pair(
    *,
    run: SelectionRun,
    completion_1: Completion,
    completion_2: Completion,
    better: Completion | str,
    use: str,
    explanation_en: str = "",
    explanation_ja: str = "",
    by: User | None = None,
) -> GoldPair:
    """Say which of two completions of one prompt is better; said again, it changes nothing.

    Args:
        better: one of the two, or the outcome `tie` or `both_bad`.
        use: `gold` or `practice`; whoever practises reads the explanations, so that needs both.

    Raises:
        GoldRefused: the two cannot be compared, or the pair is there with another outcome.
    """
    a, b = sorted((completion_1, completion_2), key=lambda each: (each.candidate_id, each.pk))
    if use not in USES:
        raise errors.GoldRefused(_("A known answer is for gold or for practice."))
    outcome = _outcome(a, b, better)
    _refuse_unfit(run, a, b)
    if use == Purpose.PRACTICE and not (explanation_en.strip() and explanation_ja.strip()):
        raise errors.GoldRefused(_("A practice pair needs its explanation in both languages."))
    with transaction.atomic():
        SelectionRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        pairs = GoldPair.objects.filter(run=run, use=use)
        there, known = _find_texts(pairs.filter(retired_at=None), a, b)
        if there is not None and known == outcome:
            return there
        if there is not None:
            raise errors.GoldRefused(
                _("This pair is there with another answer; retire that one first.")
            )
        last = pairs.aggregate(last=Max("position"))["last"]
        return GoldPair.objects.create(
            run=run,
            use=use,
            completion_a=a,
            completion_b=b,
            outcome=outcome,
            explanation_en=explanation_en,
            explanation_ja=explanation_ja,
            position=0 if last is None else last + 1,
            created_by=by,
        )


def write_gold_pair(
    *,
    run: SelectionRun,
    use: str,
    language: str,
    turns: Sequence[str],
    better: Sequence[str],
    worse: Sequence[str],
    system: str = "",
    outcome: str = Outcome.A,
    explanation_en: str = "",
    explanation_ja: str = "",
    by: User | None = None,
) -> GoldPair:
    """Store a prompt and two answers written by hand, and which is better; once is enough.

    Args:
        better, worse: one reply for each turn.
        outcome: `a`, the better one is better, or else `tie` or `both_bad`.

    Raises:
        GoldRefused: the texts cannot be stored, or are no pair.
    """
    if not (len(turns) == len(better) == len(worse)):
        raise errors.GoldRefused(_("Each answer needs one reply for each turn of the prompt."))
    if not all(text.strip() for text in [*turns, *better, *worse]):
        raise errors.GoldRefused(_("A known answer needs texts that say something."))
    if outcome not in (Outcome.A, Outcome.TIE, Outcome.BOTH_BAD):
        raise errors.GoldRefused(_("Which is better is told by which text is called so."))
    with transaction.atomic():
        SelectionRun.objects.select_for_update(no_key=True).get(pk=run.pk)
        prompt = _prompt_of(run, language, system, turns)
        first, second = (
            _completion_of(writer, prompt, replies)
            for writer, replies in zip(_writers_of(run), (better, worse), strict=True)
        )
        return add_gold_pair(
            run=run,
            completion_1=first,
            completion_2=second,
            better=first if outcome == Outcome.A else outcome,
            use=use,
            explanation_en=explanation_en,
            explanation_ja=explanation_ja,
            by=by,
        )


def retire_gold_pair(*, pair: GoldPair) -> GoldPair:
    """Show the pair no more; the answers given to it stay right or wrong."""
    if pair.retired_at is None:
        pair.retired_at = timezone.now()
        pair.save(update_fields=["retired_at"])
    return pair


def import_gold(*, rows: Iterable[GoldRow], run: SelectionRun, by: User | None = None) -> Counts:
    """Write every pair of a file, or, where a row cannot be one, none.

    Raises:
        ImportRefused: a row is no pair, or contradicts one that is there.
    """
    counts = Counts()
    with transaction.atomic():
        known = set(run.gold_pairs.values_list("pk", flat=True))
        for row in rows:
            try:
                pair = write_gold_pair(
                    run=run,
                    use=row.use,
                    language=row.language,
                    system=row.system,
                    turns=row.turns,
                    better=row.better,
                    worse=row.worse,
                    outcome=row.outcome,
                    explanation_en=row.explanation_en,
                    explanation_ja=row.explanation_ja,
                    by=by,
                )
            except errors.GoldRefused as refusal:
                raise errors.ImportRefused(f"{row.location}: {refusal}") from refusal
            counts.add(new=int(pair.pk not in known), equal=int(pair.pk in known))
            known.add(pair.pk)
    return counts


def gold_set_slug(run: SelectionRun) -> str:
    """Name the set that holds the prompts of the run's hand-written pairs."""
    return f"{run.slug[: _LONGEST_SET_SLUG - len('-gold')]}-gold"


def _outcome(a: Completion, b: Completion, better: Completion | str) -> str:
    """Say in terms of a and b what `better` says."""
    if better == a:
        return Outcome.A
    if better == b:
        return Outcome.B
    if better in (Outcome.TIE, Outcome.BOTH_BAD):
        return str(better)
    raise errors.GoldRefused(_("The better one must be one of the two."))


def _refuse_unfit(run: SelectionRun, a: Completion, b: Completion) -> None:
    """Refuse two completions that no comparison could show."""
    if a.prompt_id != b.prompt_id:
        raise errors.GoldRefused(_("Both must answer the same prompt."))
    if {a.candidate.run_id, b.candidate.run_id} != {run.pk}:
        raise errors.GoldRefused(_("Both must be of candidates of this run."))
    if a.candidate_id == b.candidate_id:
        raise errors.GoldRefused(_("The two must be of different candidates."))
    digests = Completion.objects.filter(pk__in=[a.pk, b.pk]).values_list("text_digest", flat=True)
    if len(set(digests)) < 2:
        raise errors.GoldRefused(_("The two texts are the same, so neither is better."))


def _find_texts(
    pairs: QuerySet[GoldPair], a: Completion, b: Completion
) -> tuple[GoldPair | None, str]:
    """Find the pair with these two texts, whoever wrote them, and its outcome for a and b."""
    digests = dict(Completion.objects.filter(pk__in=[a.pk, b.pk]).values_list("pk", "text_digest"))
    of_a, of_b = digests[a.pk], digests[b.pk]
    same = Q(completion_a__text_digest=of_a, completion_b__text_digest=of_b)
    swapped = Q(completion_a__text_digest=of_b, completion_b__text_digest=of_a)
    there = pairs.filter(same | swapped, completion_a__prompt=a.prompt_id)
    pair = there.select_related("completion_a").first()
    if pair is None:
        return None, ""
    is_swapped = pair.completion_a.text_digest == of_b
    return pair, FLIPPED.get(pair.outcome, pair.outcome) if is_swapped else pair.outcome


def _prompt_of(run: SelectionRun, language: str, system: str, turns: Sequence[str]) -> Prompt:
    """Give the prompt with these words in the run's own set of known answers, held out."""
    prompt_set, _created = PromptSet.objects.get_or_create(slug=gold_set_slug(run))
    words = json.dumps([language, system, list(turns)], ensure_ascii=False)
    prompt, _created = Prompt.objects.get_or_create(
        prompt_set=prompt_set,
        key=f"known-{hashlib.sha256(words.encode()).hexdigest()[:16]}",
        defaults={
            "system": system, "turns": list(turns), "language": language, "is_held_out": True,
        },
    )  # fmt: skip
    return prompt


def _writers_of(run: SelectionRun) -> list[Candidate]:
    """Give the two candidates under whose names written texts are kept; the lower id first."""
    written = run.candidates.filter(origin=Candidate.Origin.WRITTEN)
    writers = list(written.order_by("id")[: len(WRITERS)])
    for name in WRITERS[len(writers) :]:
        if run.candidates.filter(name=name).exists():
            raise errors.GoldRefused(
                _("A candidate of this run is called %(name)s; that name is for written texts.")
                % {"name": name}
            )
        writers.append(
            Candidate.objects.create(run=run, name=name, origin=Candidate.Origin.WRITTEN)
        )
    return writers


def _completion_of(writer: Candidate, prompt: Prompt, replies: Sequence[str]) -> Completion:
    """Give the writer's completion with this text, made as the next sample if there is none."""
    texts = writer.completions.filter(prompt=prompt)
    there = texts.filter(replies=list(replies)).first()
    if there is not None:
        return there
    return Completion.objects.create(
        candidate=writer, prompt=prompt, replies=list(replies), sample=texts.count()
    )
