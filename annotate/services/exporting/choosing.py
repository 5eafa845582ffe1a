"""Pairs that votes speak for, as columns, before any text is read."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from annotate.models import SelectionRun
from annotate.ranking.annotators import AnnotatorsDidNotConverge, fit_annotators
from annotate.ranking.arrays import AnyIntArray, BoolArray, FloatArray, IntArray
from annotate.ranking.strengths import StrengthsDidNotConverge
from annotate.ranking.verdicts import (
    PairTally,
    TextStrengths,
    Verdicts,
    judge_by_majority,
    judge_by_reliability,
    rank_texts,
    tally_pairs,
)
from annotate.services import errors
from annotate.services.exporting.ballots import Ballots, read_ballots
from annotate.services.exporting.reading import KINDS, find_flagged, find_leaked
from annotate.services.exporting.recipe import Recipe, RunVotes
from annotate.services.exporting.rows import FITTED_DECIMALS, Split
from annotate.services.exporting.splits import Splits

_MIRRORED = [1, 0, 2, 3]


@dataclass(frozen=True, eq=False)
class Proposals:
    """Pairs whose verdict is sure enough, in the order of their rows: (pairs,) columns.

    Attributes:
        chosen, rejected: places among the ballots' texts.
        depth: the turn up to which they were compared.
        outcomes: (pairs, 4) votes for the chosen one, for the rejected one, ties, both bad.
        margin, agreement: as `rows.PairRow` says.
        kinds: bits of the kinds of whoever voted, by their place in `KINDS`.
    """

    chosen: AnyIntArray
    rejected: AnyIntArray
    depth: AnyIntArray
    outcomes: AnyIntArray
    margin: FloatArray
    agreement: FloatArray
    kinds: AnyIntArray

    def keep(self, kept: BoolArray | IntArray) -> "Proposals":
        """Return some of the pairs."""
        return Proposals(**{name: column[kept] for name, column in vars(self).items()})


@dataclass(frozen=True, eq=False)
class Counted:
    """The votes of a source in one part of a dataset, counted, and what they leave out at once.

    Attributes:
        tally: of votes that are not on held-out prompts.
        left_out: pairs by reason.
        votes: votes by the place of their kind in `KINDS`.
        kinds: bits of kinds of each pair of the tally.
        unmeasured: completions of which nobody knows whether they leak, where that is asked.
    """

    ballots: Ballots
    tally: PairTally
    kinds: AnyIntArray
    left_out: Counter[str]
    votes: IntArray
    unmeasured: int

    def without_votes(self) -> "Counted":
        """Forget the single votes, which no row needs: a million of them take 60 MB."""
        none = np.empty(0, dtype=np.int64)
        ballots = replace(
            self.ballots,
            first=none, second=none, depth=none, outcome=none, annotator=none, side=none,
        )  # fmt: skip
        return replace(self, ballots=ballots, tally=replace(self.tally, of_vote=none))


def count_ballots(
    *, run: SelectionRun, source: RunVotes, recipe: Recipe, splits: Splits
) -> dict[Split, Counted]:
    """Read and count the votes of a source; leave out held-out prompts and unwanted texts.

    Each part of the dataset is counted by itself, so that no vote on what is tested on has any say
    in the rows to train on, be it by an annotator's reliability.
    """
    by_reliability = recipe.method == "reliability"
    ballots = read_ballots(run=run, source=source, splits=splits, for_reliability=by_reliability)
    tally = tally_pairs(
        first=ballots.first, second=ballots.second, depth=ballots.depth, outcome=ballots.outcome
    )
    texts = ballots.texts
    identity = texts.prompts.identity
    reasons = [("held_out", splits.is_held_out(identity)[texts.prompt])]
    unmeasured = np.zeros(len(texts.ids), dtype=np.bool_)
    if recipe.leave_out_flagged:
        reasons.append(("flagged", find_flagged(run.pk, texts.ids)))
    if recipe.leave_out_leaked:
        leaked, is_measured = find_leaked(run.pk, texts.ids)
        reasons.append(("leaked", leaked))
        unmeasured = ~is_measured
    is_test = splits.is_test(identity)[texts.prompt]
    parts: dict[Split, BoolArray] = {"train": ~is_test, "test": is_test}
    return {
        split: _count_part(ballots, tally, part[tally.first], reasons, int(unmeasured[part].sum()))
        for split, part in parts.items()
        if split == "train" or recipe.test_share > 0
    }


def _count_part(
    ballots: Ballots,
    tally: PairTally,
    kept: BoolArray,
    reasons: list[tuple[str, BoolArray]],
    unmeasured: int,
) -> Counted:
    left_out: Counter[str] = Counter()
    for reason, is_out in reasons:
        hit = kept & (is_out[tally.first] | is_out[tally.second])
        left_out[reason] += int(hit.sum())
        kept = kept & ~hit
    if not kept.all():
        ballots, tally = _keep_pairs(ballots, tally, kept)
    kinds = ballots.kinds()
    return Counted(
        ballots=ballots,
        tally=tally,
        kinds=_bits_of_kinds(tally, kinds),
        left_out=left_out,
        votes=np.bincount(kinds, minlength=len(KINDS)),
        unmeasured=unmeasured,
    )


def _keep_pairs(ballots: Ballots, tally: PairTally, kept: BoolArray) -> tuple[Ballots, PairTally]:
    place = np.cumsum(kept) - 1
    votes = kept[tally.of_vote]
    ballots = replace(
        ballots,
        first=ballots.first[votes],
        second=ballots.second[votes],
        depth=ballots.depth[votes],
        outcome=ballots.outcome[votes],
        annotator=ballots.annotator[votes],
        candidates=ballots.candidates[:, votes] if ballots.candidates.size else ballots.candidates,
        side=ballots.side[votes] if ballots.side.size else ballots.side,
    )
    return ballots, PairTally(
        first=tally.first[kept],
        second=tally.second[kept],
        depth=tally.depth[kept],
        outcomes=tally.outcomes[kept],
        of_vote=place[tally.of_vote[votes]],
    )


def _bits_of_kinds(tally: PairTally, kinds: AnyIntArray) -> AnyIntArray:
    bits = np.zeros(len(tally.first), dtype=np.int8)
    for place in range(len(KINDS)):
        bits |= tally.have(kinds == place).astype(np.int8) << place
    return bits


def propose_pairs(counted: Counted, recipe: Recipe) -> Proposals:
    """Choose pairs by the recipe's method; those left out are counted by reason.

    Raises:
        ExportRefused: strengths or reliabilities cannot be fitted to these votes.
    """
    try:
        if recipe.method == "strength":
            return _by_strength(counted, rank_texts(counted.tally), recipe)
        if recipe.method == "reliability":
            return _by_own_votes(counted, _weigh(counted), recipe)
        return _by_own_votes(counted, judge_by_majority(counted.tally), recipe)
    except (AnnotatorsDidNotConverge, StrengthsDidNotConverge) as error:
        raise errors.ExportRefused(f"method {recipe.method} cannot be used: {error}") from error


def _weigh(counted: Counted) -> Verdicts:
    ballots, tally = counted.ballots, counted.tally
    if len(tally.first) == 0:
        return judge_by_majority(tally)
    outcome, annotator = ballots.outcome.astype(np.int64), ballots.annotator.astype(np.int64)
    fit = fit_annotators(
        candidate_a=ballots.candidates[0],
        candidate_b=ballots.candidates[1],
        outcome=outcome,
        annotator=annotator,
        side=ballots.side,
        n_candidates=int(ballots.candidates.max()) + 1,
        n_annotators=len(ballots.annotators.ids),
    )
    return judge_by_reliability(
        tally, outcome=outcome, annotator=annotator, side=ballots.side, fit=fit
    )


def _by_own_votes(counted: Counted, verdicts: Verdicts, recipe: Recipe) -> Proposals:
    """Choose pairs by the votes on each of them."""
    tally = counted.tally
    decisive = tally.decisive
    if recipe.method == "majority":
        lead = np.abs(tally.outcomes[:, 0] - tally.outcomes[:, 1])
        last = ("margin_too_small", lead < recipe.margin)
    else:
        unsure = (verdicts.agreement < recipe.min_probability) | (verdicts.lead == 0)
        last = ("probability_too_small", unsure)
    kept = np.ones(len(decisive), dtype=np.bool_)
    for reason, is_out in (
        ("no_decisive_vote", decisive == 0),
        ("too_few_votes", decisive < recipe.min_votes),
        last,
    ):
        hit = kept & is_out
        counted.left_out[reason] += int(hit.sum())
        kept &= ~hit
    is_first = verdicts.lead[kept] > 0
    first, second, outcomes = tally.first[kept], tally.second[kept], tally.outcomes[kept]
    return Proposals(
        chosen=np.where(is_first, first, second).astype(np.int32),
        rejected=np.where(is_first, second, first).astype(np.int32),
        depth=tally.depth[kept].astype(np.int16),
        outcomes=np.where(is_first[:, None], outcomes, outcomes[:, _MIRRORED]).astype(np.int32),
        margin=np.round(verdicts.margin[kept], FITTED_DECIMALS),
        agreement=np.round(verdicts.agreement[kept], FITTED_DECIMALS),
        kinds=counted.kinds[kept],
    )


def _by_strength(counted: Counted, ranked: TextStrengths, recipe: Recipe) -> Proposals:
    """Choose any two texts that votes join, by all votes on their prompt."""
    better, worse = [], []
    left_out = {0: "probability_too_small", -1: "too_few_votes"}
    for block in ranked.pairs(min_probability=recipe.min_probability, min_votes=recipe.min_votes):
        for verdict, reason in left_out.items():
            counted.left_out[reason] += int((block[2] == verdict).sum())
        is_sure = block[2] > 0
        better.append(block[0][is_sure])
        worse.append(block[1][is_sure])
    places = [np.concatenate(each or [np.empty(0, dtype=np.int64)]) for each in (better, worse)]
    chosen, rejected = (ranked.text[each] for each in places)
    depth = ranked.depth[places[0]]
    # A prompt's texts are neighbours, so that this is the order of the prompts too.
    low, high = np.minimum(chosen, rejected), np.maximum(chosen, rejected)
    order = np.lexsort((depth, high, low))
    chance = ranked.chance(*places)[order]
    log_odds: FloatArray = np.log(chance / (1 - chance))
    return Proposals(
        chosen=chosen[order].astype(np.int32),
        rejected=rejected[order].astype(np.int32),
        depth=depth[order].astype(np.int16),
        outcomes=_find_outcomes(counted.tally, chosen[order], rejected[order], depth[order]),
        margin=np.round(log_odds, FITTED_DECIMALS),
        agreement=np.round(chance, FITTED_DECIMALS),
        kinds=kinds_of_groups(counted, ranked)[ranked.group[places[0]]][order],
    )


def _find_outcomes(
    tally: PairTally, chosen: IntArray, rejected: IntArray, depth: IntArray
) -> AnyIntArray:
    """Return (pairs, 4) the votes on just these pairs, from the side of the chosen one."""
    found = np.zeros((len(chosen), tally.outcomes.shape[1]), dtype=np.int32)
    if len(tally.first) == 0:
        return found
    n_texts = int(max(tally.first.max(), tally.second.max())) + 1
    n_depths = int(tally.depth.max()) + 1
    known = (tally.first * n_texts + tally.second) * n_depths + tally.depth
    for first, second, columns in ((chosen, rejected, slice(None)), (rejected, chosen, _MIRRORED)):
        key = (first * n_texts + second) * n_depths + depth
        place = np.minimum(np.searchsorted(known, key), len(known) - 1)
        is_there = known[place] == key
        found[is_there] = tally.outcomes[place[is_there]][:, columns]
    return found


def kinds_of_groups(counted: Counted, ranked: TextStrengths) -> AnyIntArray:
    """Return (groups,) bits of the kinds of all whose votes rank a group's texts."""
    tally = counted.tally
    n_depths = int(ranked.depth.max(initial=0)) + 1
    known = ranked.text * n_depths + ranked.depth
    order = np.argsort(known)
    place = order[np.searchsorted(known, tally.first * n_depths + tally.depth, sorter=order)]
    bits = np.zeros(int(ranked.group.max(initial=-1)) + 1, dtype=np.int8)
    np.bitwise_or.at(bits, ranked.group[place], counted.kinds.astype(np.int8))
    return bits
