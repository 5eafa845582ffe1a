"""Begin runs, open and close their rounds."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from annotate.models import Candidate, Completion, Prompt, PromptSet, Round, SelectionRun, User
from annotate.services import errors

State = SelectionRun.State

TRANSITIONS: dict[str, set[str]] = {
    State.DRAFT: {State.GENERATING, State.VOTING},
    State.GENERATING: {State.VOTING, State.CLOSED},
    State.VOTING: {State.GENERATING, State.DECIDED, State.CLOSED},
    State.DECIDED: {State.GENERATING, State.VOTING, State.CLOSED},
    State.CLOSED: set(),
}


def create_run(
    *,
    slug: str,
    prompt_sets: Iterable[PromptSet],
    title: str = "",
    samples_per_prompt: int = 1,
    seed: int = 0,
    held_out_share: float = 0.0,
    created_by: User | None = None,
) -> SelectionRun:
    """Begin a run, and mark its held-out prompts.

    `held_out_share` (0 to 1) is the least share of the prompts to hold out, in balance over
    language and category; prompts held out already count towards it.
    """
    with transaction.atomic():
        run = SelectionRun.objects.create(
            slug=slug,
            title=title,
            samples_per_prompt=samples_per_prompt,
            seed=seed,
            created_by=created_by,
        )
        run.prompt_sets.set(prompt_sets)
        _hold_out(run, held_out_share)
    return run


def move_run(*, run: SelectionRun, to: str) -> None:
    """Change the run's state: the only place that does. A run that closes closes its round.

    Raises:
        WrongState: the run cannot go there from where it is.
    """
    with transaction.atomic():
        _lock(run)
        if run.state == to:
            return
        if to not in TRANSITIONS[run.state]:
            allowed = ", ".join(sorted(TRANSITIONS[run.state])) or "nowhere"
            message = f"run {run.slug} is {run.state} and cannot become {to}; it can go: {allowed}"
            raise errors.WrongState(message)
        run.state = to
        run.save(update_fields=["state"])
        if to == State.CLOSED:
            for round_ in run.rounds.filter(closed_at__isnull=True):
                close_round(round_=round_)


def create_round(
    *,
    run: SelectionRun,
    candidates: Sequence[Candidate],
    prompt_scope: str = Round.Scope.ALL,
    votes_wanted: int | None = None,
) -> Round:
    """Add the next round, still closed to votes; a round that is open closes first."""
    strangers = [candidate.name for candidate in candidates if candidate.run_id != run.pk]
    if strangers:
        raise errors.WrongState(f"not candidates of run {run.slug}: {', '.join(strangers)}")
    with transaction.atomic():
        _lock(run)
        last = run.rounds.order_by("number").last()
        if last is not None and last.closed_at is None:
            close_round(round_=last)
        round_ = Round.objects.create(
            run=run,
            number=last.number + 1 if last else 1,
            prompt_scope=prompt_scope,
            votes_wanted=votes_wanted,
        )
        round_.candidates.set(candidates)
        move_run(run=run, to=State.GENERATING)
    return round_


def open_round(*, round_: Round) -> None:
    """Let volunteers vote in the round; a second call changes nothing."""
    with transaction.atomic():
        _lock(round_.run)
        round_.refresh_from_db(from_queryset=Round.objects.select_for_update())
        if round_.closed_at is not None:
            raise errors.RoundClosed(f"{round_} has closed and cannot open again")
        if round_.opened_at is None:
            round_.opened_at = timezone.now()
            round_.save(update_fields=["opened_at"])
        move_run(run=round_.run, to=State.VOTING)


def close_round(*, round_: Round) -> None:
    """Take no more votes in the round; a second call changes nothing."""
    now = timezone.now()
    with transaction.atomic():
        round_.refresh_from_db(from_queryset=Round.objects.select_for_update())
        if round_.closed_at is None:
            round_.opened_at = round_.opened_at or now
            round_.closed_at = now
            round_.save(update_fields=["opened_at", "closed_at"])


def count_identical(*, run: SelectionRun) -> dict[int, int]:
    """Count by round the pairs of equal texts that it never shows; rounds with none are left out.

    A pair is of two candidates of the round, on one of its prompts.
    """
    in_scope = (
        Q(candidate__rounds__prompt_scope=Round.Scope.ALL)
        | Q(candidate__rounds__prompt_scope=Round.Scope.HELD_OUT, prompt__is_held_out=True)
        | Q(candidate__rounds__prompt_scope=Round.Scope.TRAINING, prompt__is_held_out=False)
    )
    pairs = Completion.objects.filter(
        in_scope,
        candidate__rounds__run=run,
        prompt__in=run.prompts(),
        prompt__completions__candidate__rounds=F("candidate__rounds"),
        prompt__completions__candidate__gt=F("candidate"),
        prompt__completions__text_digest=F("text_digest"),
    )
    return dict(pairs.order_by().values_list("candidate__rounds").annotate(Count("pk")))


def _lock(run: SelectionRun) -> None:
    """Read the run again and keep it from others; always before any of its rounds is locked."""
    run.refresh_from_db(from_queryset=SelectionRun.objects.select_for_update(no_key=True))


def _hold_out(run: SelectionRun, share: float) -> None:
    """Mark prompts as held out, drawn by the run's seed within each language and category."""
    if not 0 <= share < 1:
        raise errors.WrongState(f"the held-out share is {share}; it must be from 0 to below 1")
    if share == 0:
        return
    cells: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
    prompts = run.prompts().order_by("prompt_set", "key")
    facts = prompts.values_list("language", "category", "pk", "is_held_out")
    for language, category, pk, is_held_out in facts:
        cells[language, category].append((pk, is_held_out))
    rng = random.Random(run.seed)
    chosen: list[int] = []
    wanted = 0.0
    for cell in cells.values():
        wanted += share * len(cell) - sum(is_held_out for _pk, is_held_out in cell)
        free = [pk for pk, is_held_out in cell if not is_held_out]
        # The share of all cells so far, rounded up; what rounding gained, the next cell gives back.
        n_drawn = math.ceil(wanted - 1e-9)
        drawn = rng.sample(free, min(max(n_drawn, 0), len(free)))
        wanted -= len(drawn)
        chosen += drawn
    Prompt.objects.filter(pk__in=chosen).update(is_held_out=True)
