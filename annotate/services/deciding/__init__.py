"""Decide a run: which candidate it chose, on what evidence, and how sure that is.

A decision is a document. It holds what it rests on (cut-off, rules, settings, seed), so that it can
be computed again from the ledger to the same bytes, and beside that what was found at the time.
`docs/decisions.md` says what each of its fields is.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from annotate.models import Candidate, Exclusion, RunDecision, RunEvent, SelectionRun, User, Vote
from annotate.services import errors
from annotate.services.canonical import hash_content
from annotate.services.changes import hold_run, log_event
from annotate.services.deciding.basis import Basis, choose_deciders, read_basis, read_by_kind
from annotate.services.deciding.choice import choose, tell_evidence
from annotate.services.deciding.grid import tell_grid
from annotate.services.deciding.kinds import compare_kinds, count_kinds, tell_care
from annotate.services.deciding.licences import note_licences
from annotate.services.deciding.noting import (
    note_again,
    note_candidates,
    note_rounds,
    note_rules,
    note_run,
    note_texts,
)
from annotate.services.deciding.parts import Part, rank_part, tell_standing, tell_surer
from annotate.services.deciding.scores import tell_scores
from annotate.services.deciding.slicing import slice_votes
from annotate.services.ledger import take_cutoff
from annotate.services.states import TRANSITIONS, move_run
from annotate.services.vote_columns import Votes

SCHEMA = 1
State = SelectionRun.State


def decide_run(
    *, run: SelectionRun, by: User | None = None, by_hand: bool | None = None
) -> RunDecision:
    """Decide a run by the votes that stand now, store the decision, and move the run to decided.

    It is to be called outside of a transaction, which would be held open meanwhile. Called again
    while nothing has changed in the ledger, it gives the decision that is there.

    Args:
        by: who calls for it; nobody is the end of the last round.
        by_hand: whether the votes were looked at before it was settled that they are enough, so
            that intervals have to hold at any time; None: where somebody calls for it.

    Raises:
        NothingToDecide: no vote counts, or those of LLM judges alone.
        WrongState: the run cannot become decided from where it is.
        LedgerBusy: votes are being imported into the run.
    """
    _check_state(run)
    known = _newest_decision(run)
    if known is not None and run.state == State.DECIDED and not _has_changed(run, known.cutoff):
        return known
    cutoff = take_cutoff(run=run)
    number = (known.number if known else 0) + 1
    content = _compose(run, cutoff, number, by_hand=by is not None if by_hand is None else by_hand)
    return _store(run, number, cutoff, content, by)


def may_decide(run: SelectionRun) -> bool:
    """Tell whether the run could be decided now, if it has votes, and other than it is."""
    if run.state == State.DECIDED:
        known = _newest_decision(run)
        return known is None or _has_changed(run, known.cutoff)
    return State.DECIDED in TRANSITIONS[run.state]


def check_deciders(run: SelectionRun) -> None:
    """Refuse where nobody's votes could decide the run now.

    Raises:
        NothingToDecide: no vote counts, or those of LLM judges alone in a run that is no benchmark.
    """
    votes = Vote.objects.of_run(run).counting().order_by()
    choose_deciders(
        run, set(votes.values_list("comparison__annotator__kind", flat=True).distinct())
    )


def compute_again(*, decision: RunDecision) -> dict[str, Any]:
    """Compute a decision again from the ledger as it stood; what was noted stays as it was.

    Equal votes give an equal content, and so an equal hash.

    Raises:
        WrongState: it was made by another schema than this code's.
    """
    content = decision.content
    if content["schema"] != SCHEMA:
        said = _("This decision has schema %(its)s, and this version of Kurabe computes %(ours)s.")
        raise errors.WrongState(said % {"its": content["schema"], "ours": SCHEMA})
    basis = Basis.from_content(content["basis"])
    by_kind = read_by_kind(run=decision.run, cutoff=basis.cutoff)
    return dict(content) | _compute(decision.run, basis, by_kind)


def _compose(run: SelectionRun, cutoff: int, number: int, *, by_hand: bool) -> dict[str, Any]:
    """Compute all of a decision, and note the rest."""
    by_kind = read_by_kind(run=run, cutoff=cutoff)
    basis = read_basis(run=run, cutoff=cutoff, by_kind=by_kind, by_hand=by_hand)
    votes = by_kind[basis.decided_by]
    computed = _compute(run, basis, by_kind)
    chosen = Candidate.objects.get(pk=computed["choice"]["candidate"])
    return {
        "schema": SCHEMA,
        "number": number,
        "basis": basis.to_content(),
        **computed,
        "run": note_run(run, votes),
        "rules": note_rules(run),
        "rounds": note_rounds(run, basis, votes),
        "candidates": note_candidates(run, basis),
        "texts": note_texts(run, basis),
        "licences": note_licences(chosen),
        "again": note_again(run, number),
    }


def _compute(run: SelectionRun, basis: Basis, by_kind: Mapping[str, Votes]) -> dict[str, Any]:
    """Compute what follows from the votes."""
    votes = by_kind[basis.decided_by]
    part = rank_part(basis, votes)
    choice = choose(part)
    return {
        "votes": count_kinds(by_kind),
        "choice": choice,
        "standings": _tell_standings(part),
        "evidence": tell_evidence(part),
        "surer": tell_surer(part),
        "slices": slice_votes(basis, votes, choice["candidate"]),
        "grid": tell_grid(basis, part.fit),
        "scores": tell_scores(part),
        "kinds": compare_kinds(basis, by_kind, choice["candidate"]),
        "care": tell_care(run, basis, votes),
    }


def _tell_standings(part: Part) -> list[dict[str, Any]]:
    """Give every candidate's standing, group by group and the strongest first."""
    rows = []
    for each in part.fit.standings:
        counts = {name: getattr(each, name) for name in ("wins", "losses", "ties", "both_bad")}
        rows.append(tell_standing(part, part.ids[each.candidate]) | counts)
    return rows


def _store(
    run: SelectionRun, number: int, cutoff: int, content: dict[str, Any], by: User | None
) -> RunDecision:
    with transaction.atomic():
        hold_run(run)
        run.refresh_from_db()
        newest = _newest_decision(run)
        # Two may have computed at once; the later cut-off knows all that the earlier one does.
        if newest is not None and newest.number >= number:
            return newest
        _check_state(run)
        decision = RunDecision.objects.create(
            run=run,
            number=number,
            cutoff=cutoff,
            content=content,
            sha256=hash_content(content),
            made_by=by,
        )
        move_run(run=run, to=State.DECIDED, by=by)
        choice = content["choice"]
        names = {each["id"]: each["name"] for each in content["candidates"]}
        log_event(
            run=run,
            kind=RunEvent.Kind.DECIDED,
            by=by,
            number=number,
            chosen=names[choice["candidate"]],
            verdict=choice["verdict"],
            sha256=decision.sha256,
        )
    return decision


def _newest_decision(run: SelectionRun) -> RunDecision | None:
    return RunDecision.objects.filter(run=run).order_by("number").last()


def _check_state(run: SelectionRun) -> None:
    if run.state != State.DECIDED and State.DECIDED not in TRANSITIONS[run.state]:
        said = _("Run %(run)s is %(state)s; only a run that takes votes can be decided.")
        raise errors.WrongState(said % {"run": run.slug, "state": run.get_state_display()})


def _has_changed(run: SelectionRun, cutoff: int) -> bool:
    """Tell whether the ledger of the run has gained anything since a cut-off."""
    votes = Vote.objects.of_run(run).filter(Q(id__gt=cutoff) | Q(withdrawn_number__gt=cutoff))
    exclusions = Exclusion.objects.filter(run=run).filter(
        Q(number__gt=cutoff) | Q(undone_number__gt=cutoff)
    )
    return votes.exists() or exclusions.exists()
