"""Begin runs, and make and open their rounds; `states` closes them."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from annotate.models import (
    Candidate,
    Completion,
    Prompt,
    PromptSet,
    Round,
    RoundCut,
    RunEvent,
    SelectionRun,
    User,
)
from annotate.services import errors, judging
from annotate.services.changes import log_event
from annotate.services.states import close_round, lock_run, move_run

State = SelectionRun.State
Kind = RunEvent.Kind


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
        hold_out(run=run, share=held_out_share)
        log_event(run=run, kind=Kind.CREATED, by=created_by)
    return run


def create_round(
    *,
    run: SelectionRun,
    candidates: Sequence[Candidate],
    prompt_scope: str = Round.Scope.ALL,
    votes_wanted: int | None = None,
    anchors_only: bool = False,
    by: User | None = None,
) -> Round:
    """Add the next round, still closed to votes; a round that is open closes first."""
    strangers = [candidate.name for candidate in candidates if candidate.run_id != run.pk]
    if strangers:
        raise errors.WrongState(f"not candidates of run {run.slug}: {', '.join(strangers)}")
    with transaction.atomic():
        lock_run(run)
        last = run.rounds.order_by("number").last()
        if last is not None and last.closed_at is None:
            close_round(round_=last, by=by)
        round_ = Round.objects.create(
            run=run,
            number=last.number + 1 if last else 1,
            prompt_scope=prompt_scope,
            votes_wanted=votes_wanted,
            anchors_only=anchors_only,
        )
        round_.candidates.set(candidates)
        made = {"round": round_.number, "candidates": len(candidates), "votes_wanted": votes_wanted}
        log_event(run=run, kind=Kind.ROUND_MADE, by=by, **made)
        move_run(run=run, to=State.GENERATING, by=by)
    return round_


def join(
    *,
    run: SelectionRun,
    candidates: Sequence[Candidate],
    by: User | None = None,
    among: Sequence[Candidate] | None = None,
    prompt_scope: str | None = None,
    votes_wanted: int | None = None,
) -> Round:
    """Add a round in which newcomers meet those who are there, and the run's anchors.

    A run that was decided goes on with it, and may decide again. The caller asks for the
    completions that it lacks (`generating.ask_for_completions`).

    Args:
        candidates: newcomers of the run.
        among: whom they meet; None: whoever stayed after the newest round.
        prompt_scope: None is that of the newest round.
        votes_wanted: None is any number.

    Raises:
        WrongState: the run is closed, or a candidate is another run's.
    """
    with transaction.atomic():
        lock_run(run)
        last = run.rounds.order_by("number").last()
        if among is None:
            among = [] if last is None else list_survivors(round_=last)
        anchors = run.candidates.filter(is_anchor=True)
        everybody = {each.pk: each for each in (*among, *anchors, *candidates)}
        scope = prompt_scope or (Round.Scope.ALL if last is None else last.prompt_scope)
        round_ = create_round(
            run=run,
            candidates=[everybody[pk] for pk in sorted(everybody)],
            prompt_scope=scope,
            votes_wanted=votes_wanted,
            anchors_only=last is not None and last.anchors_only,
            by=by,
        )
        names = [candidate.name for candidate in candidates]
        log_event(run=run, kind=Kind.JOINED, by=by, round=round_.number, candidates=names)
    return round_


def list_survivors(*, round_: Round) -> list[Candidate]:
    """List the candidates of a round whom its cut, if it has one, did not send away.

    Those that had to win over their parents, and did not, have left too.
    """
    cut = RoundCut.objects.filter(round=round_).first()
    left = [] if cut is None else cut.left
    stayed = round_.candidates.exclude(pk__in=left).exclude(training_run__gate_passed=False)
    return list(stayed.order_by("id"))


def open_round(*, round_: Round, by: User | None = None) -> None:
    """Let volunteers vote in the round; a second call changes nothing.

    Raises:
        RoundClosed: the round has closed.
    """
    with transaction.atomic():
        lock_run(round_.run)
        round_.refresh_from_db(from_queryset=Round.objects.select_for_update())
        if round_.closed_at is not None:
            raise errors.RoundClosed(f"{round_} has closed and cannot open again")
        if round_.opened_at is None:
            round_.opened_at = timezone.now()
            round_.save(update_fields=["opened_at"])
            log_event(run=round_.run, kind=Kind.ROUND_OPENED, by=by, round=round_.number)
            judging.request_judging(round_=round_)
        move_run(run=round_.run, to=State.VOTING, by=by)


def count_identical(*, run: SelectionRun) -> dict[int, int]:
    """Count by round the pairs of equal texts that it never shows; rounds with none are left out.

    A pair is of two candidates of the round, on one of its prompts.
    """
    in_scope = (
        Q(candidate__rounds__prompt_scope=Round.Scope.ALL)
        | Q(candidate__rounds__prompt_scope=Round.Scope.HELD_OUT, prompt__is_held_out=True)
        | Q(candidate__rounds__prompt_scope=Round.Scope.TRAINING, prompt__is_held_out=False)
    )
    texts = Completion.objects.filter(
        in_scope, candidate__rounds__run=run, prompt__in=run.prompts()
    )
    pairs = _pair_equals(texts)
    pairs.subtract(_pair_equals(texts, "candidate"))
    return {round_: n for round_, n in pairs.items() if n}


def _pair_equals(texts: QuerySet[Completion], *within: str) -> Counter[int]:
    """Count by round the pairs of equal texts on one prompt.

    Texts are counted and never paired by the database: it takes the more seconds to pair those of
    many candidates, the fewer their prompts are.
    """
    equals = texts.order_by().values_list("candidate__rounds", "prompt", "text_digest", *within)
    pairs: Counter[int] = Counter()
    for round_, *_text, n in equals.annotate(n=Count("pk")).filter(n__gt=1):
        pairs[round_] += math.comb(n, 2)
    return pairs


def hold_out(*, run: SelectionRun, share: float) -> None:
    """Mark prompts of the run as held out, for good, until at least this share of them is.

    Raises:
        WrongState: the share is not from 0 to below 1.
    """
    chosen = draw_held_out(prompts=run.prompts(), share=share, seed=run.seed)
    Prompt.objects.filter(pk__in=chosen).update(is_held_out=True)


def draw_held_out(*, prompts: QuerySet[Prompt], share: float, seed: int) -> list[int]:
    """Draw the ids of prompts to hold out, by the seed within each language and category.

    Raises:
        WrongState: the share is not from 0 to below 1.
    """
    if not 0 <= share < 1:
        raise errors.WrongState(f"the held-out share is {share}; it must be from 0 to below 1")
    if share == 0:
        return []
    cells: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
    facts = prompts.order_by("prompt_set", "key")
    for language, category, pk, is_held_out in facts.values_list(
        "language", "category", "pk", "is_held_out"
    ):
        cells[language, category].append((pk, is_held_out))
    rng = random.Random(seed)  # noqa: S311 - drawn by a seed
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
    return chosen
