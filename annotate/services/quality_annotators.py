"""What votes say of each annotator; part of `services/quality.py`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from django.utils.translation import gettext as _

from annotate.models import Annotator, Exclusion
from annotate.models.comparisons import Purpose
from annotate.ranking import encode_outcomes
from annotate.ranking.agreement import agreement_with_others, self_consistency
from annotate.ranking.annotators import AnnotatorsDidNotConverge, fit_annotators
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray, sum_at
from annotate.ranking.sides import wilson_interval
from annotate.ranking.votes import TIE
from annotate.services.quality_rows import Ballot, Slice

LEVEL = 0.95
# Signs of votes that nobody meant, each far from what a careless person does by chance. A share
# counts by the end of its interval, so that few votes show nothing.
MOST_ON_ONE_SIDE = 0.7
FEWEST_KNOWN_ANSWERS = 0.5
FEWEST_SECONDS_PER_1000 = 10.0  # 100 characters a second: four times as fast as people read
FEWEST_VOTES = 10
_SIDES = {"left": 1, "right": -1, None: 0}


@dataclass(frozen=True, kw_only=True)
class AnnotatorQuality:
    """What the votes say of one annotator; None where they cannot say it.

    Attributes:
        votes: that rank; those of an excluded annotator are told here and count nowhere.
        self_consistency_pairs: pairs of own votes on the same completions.
        gold_answered: comparisons with a known answer; `gold_right` of them were answered so.
    """

    pk: int
    name: str
    pseudonym: str
    kind: str
    votes: int
    agreement: float | None
    self_consistency: float | None
    self_consistency_pairs: int
    gold_right: int
    gold_answered: int
    gold_accuracy: float | None
    gold_accuracy_low: float | None
    gold_accuracy_high: float | None
    left_share: float | None
    left_share_low: float | None
    left_share_high: float | None
    seconds_per_1000_characters: float | None
    reliability: float | None
    reliability_se: float | None
    skips: int
    reports: int
    exclusion: Exclusion | None

    @property
    def is_excluded(self) -> bool:
        """Tell whether the votes count nowhere."""
        return self.exclusion is not None

    @property
    def signs(self) -> tuple[str, ...]:
        """Name what speaks for votes without reading: one_side, misses_known, too_fast."""
        low, high, pace = (
            self.left_share_low,
            self.left_share_high,
            self.seconds_per_1000_characters,
        )
        found = {
            "one_side": (low is not None and low > MOST_ON_ONE_SIDE)
            or (high is not None and high < 1 - MOST_ON_ONE_SIDE),
            "misses_known": self.gold_accuracy_high is not None
            and self.gold_accuracy_high < FEWEST_KNOWN_ANSWERS,
            "too_fast": pace is not None
            and pace < FEWEST_SECONDS_PER_1000
            and self.votes >= FEWEST_VOTES
            and self.kind == Annotator.Kind.PERSON,
        }
        return tuple(sign for sign, is_there in found.items() if is_there)

    @property
    def exclusion_reason(self) -> str:
        """Why, or empty."""
        return self.exclusion.reason if self.exclusion else ""


class Columns:
    """Votes as columns, each (votes,); everything is numbered from 0."""

    def __init__(self, slice_: Slice, excluded: Mapping[int, Exclusion]) -> None:
        ballots = slice_.ballots
        voters = [vote.voter for vote in ballots]
        self.voters = list(dict.fromkeys([*voters, *slice_.skips, *slice_.reports]))
        place = {voter: number for number, voter in enumerate(self.voters)}
        self.annotator = np.array([place[voter] for voter in voters], dtype=np.int64)
        self.pair = number_keys([(vote.completion_a, vote.completion_b) for vote in ballots])
        self.unit = number_keys(
            [(vote.completion_a, vote.completion_b, vote.turn) for vote in ballots]
        )
        self.candidate_a = np.array([vote.candidate_a for vote in ballots], dtype=np.int64)
        self.candidate_b = np.array([vote.candidate_b for vote in ballots], dtype=np.int64)
        self.outcome = encode_outcomes([vote.outcome for vote in ballots])
        self.side = np.array([_SIDES[vote.side_a] for vote in ballots], dtype=np.int64)
        purpose = np.array([vote.purpose for vote in ballots], dtype=np.str_)
        self.is_gold = purpose == Purpose.GOLD
        self.is_right = np.array([vote.is_right for vote in ballots], dtype=np.bool_)
        self.ranks = purpose == Purpose.RANKING
        is_excluded = np.array([vote.annotator in excluded for vote in ballots], dtype=np.bool_)
        is_judge = np.array([vote.kind == Annotator.Kind.JUDGE for vote in ballots], dtype=np.bool_)
        self.is_included = self.ranks & ~is_excluded
        # LLM judges are compared with people, and people with each other.
        self.counts = self.is_included & ~is_judge
        self.is_for_a_side = self.ranks & (self.outcome < TIE) & (self.side != 0)
        self.is_left = ((self.outcome == 0) == (self.side == 1)).astype(np.int64)

    @property
    def n_annotators(self) -> int:
        """How many voted, skipped or reported."""
        return len(self.voters)


def number_keys(keys: Sequence[object]) -> IntArray:
    """Number keys in the order in which they come."""
    place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([place[key] for key in keys], dtype=np.int64)


def measure_annotators(
    columns: Columns, slice_: Slice, excluded: Mapping[int, Exclusion], lengths: Mapping[int, int]
) -> tuple[tuple[AnnotatorQuality, ...], str]:
    """Measure each annotator, and say why where there is no reliability."""
    n = columns.n_annotators
    n_votes = np.bincount(columns.annotator[columns.ranks], minlength=n)
    agreement = _agreement(columns)
    own, n_pairs = _self_consistency(columns)
    gold = _Shares(columns.annotator, columns.is_gold, columns.is_right, n)
    left = _Shares(columns.annotator, columns.is_for_a_side, columns.is_left == 1, n)
    reliability, errors, why = _fit_reliability(columns)
    pace = _reading_pace(slice_.ballots, lengths)
    rows = [
        AnnotatorQuality(
            **voter._asdict(),
            votes=int(n_votes[place]),
            agreement=known(agreement[place]),
            self_consistency=known(own[place]),
            self_consistency_pairs=int(n_pairs[place]),
            gold_right=int(gold.part[place]),
            gold_answered=int(gold.whole[place]),
            gold_accuracy=known(gold.share[place]),
            gold_accuracy_low=known(gold.low[place]),
            gold_accuracy_high=known(gold.high[place]),
            left_share=known(left.share[place]),
            left_share_low=known(left.low[place]),
            left_share_high=known(left.high[place]),
            seconds_per_1000_characters=pace.get(voter.pk),
            reliability=known(reliability[place]),
            reliability_se=known(errors[place]),
            skips=slice_.skips.get(voter, 0),
            reports=slice_.reports.get(voter, 0),
            exclusion=excluded.get(voter.pk),
        )
        for place, voter in enumerate(columns.voters)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.votes, row.name))), why


def gaps_of_annotators(rows: Sequence[AnnotatorQuality], why_unreliable: str) -> dict[str, str]:
    """Say why a number is missing for everybody: name of the field → reason."""
    gaps: dict[str, str] = {}
    if all(row.self_consistency is None for row in rows):
        gaps["self_consistency"] = _("Nobody judged the same pair twice.")
    if all(row.gold_accuracy is None for row in rows):
        gaps["gold_accuracy"] = _("Nobody was given a comparison with a known answer.")
    if all(row.seconds_per_1000_characters is None for row in rows):
        gaps["seconds_per_1000_characters"] = _(
            "No vote was cast here; imported votes do not say when reading began."
        )
    if why_unreliable:
        gaps["reliability"] = why_unreliable
    return gaps


def known(number: float) -> float | None:
    """Give None for what is not a number."""
    return None if np.isnan(number) else float(number)


class _Shares:
    """By annotator, how many of some votes have a property; the share with Wilson's interval."""

    def __init__(self, annotator: IntArray, of: BoolArray, has: BoolArray, n: int) -> None:
        whose = annotator[of]
        self.part = sum_at(whose, has[of].astype(np.int64), n)
        self.whole = sum_at(whose, np.ones_like(whose), n)
        self.low, self.high = wilson_interval(self.part, self.whole, level=LEVEL)
        with np.errstate(invalid="ignore"):
            self.share: FloatArray = self.part / self.whole


def _agreement(columns: Columns) -> FloatArray:
    ranks = columns.ranks
    return agreement_with_others(
        unit=columns.unit[ranks], annotator=columns.annotator[ranks],
        outcome=columns.outcome[ranks], is_counted=columns.counts[ranks],
        n_annotators=columns.n_annotators,
    )  # fmt: skip


def _self_consistency(columns: Columns) -> tuple[FloatArray, IntArray]:
    """Compare own votes on the same completions: repeats, and pairs judged twice in imports."""
    own = ~columns.is_gold
    return self_consistency(
        unit=columns.unit[own], annotator=columns.annotator[own], outcome=columns.outcome[own],
        n_annotators=columns.n_annotators,
    )  # fmt: skip


def _fit_reliability(columns: Columns) -> tuple[FloatArray, FloatArray, str]:
    """Return (annotators,) reliabilities and their errors, or nan and why.

    The fit knows only votes that count; whoever has none of them has no reliability.
    """
    reliability, errors = np.full((2, columns.n_annotators), np.nan)
    counts = columns.counts
    voters, annotator = np.unique(columns.annotator[counts], return_inverse=True)
    if len(voters) < 2:
        return reliability, errors, _("Reliability needs a second annotator to compare with.")
    both = np.concatenate([columns.candidate_a[counts], columns.candidate_b[counts]])
    candidates, places = np.unique(both, return_inverse=True)
    first, second = places.reshape(2, -1)
    try:
        fit = fit_annotators(
            candidate_a=first,
            candidate_b=second,
            outcome=columns.outcome[counts],
            annotator=annotator,
            side=columns.side[counts],
            n_candidates=len(candidates),
            n_annotators=len(voters),
        )
    except AnnotatorsDidNotConverge:
        return reliability, errors, _("The annotator model did not settle on these votes.")
    reliability[voters], errors[voters] = fit.reliability, fit.reliability_se
    return reliability, errors, ""


def _reading_pace(ballots: Sequence[Ballot], lengths: Mapping[int, int]) -> dict[int, float]:
    """Return annotator → median seconds a thousand characters, of comparisons judged here.

    A comparison's time runs from its first showing to the last of its votes.
    """
    last: dict[int, Ballot] = {}
    for vote in ballots:
        earlier = last.get(vote.comparison)
        if vote.import_key is None and (earlier is None or vote.voted_at >= earlier.voted_at):
            last[vote.comparison] = vote
    paces: dict[int, list[float]] = defaultdict(list)
    for vote in last.values():
        n_characters = lengths[vote.completion_a] + lengths[vote.completion_b]
        if n_characters:
            seconds = (vote.voted_at - vote.shown_at).total_seconds()
            paces[vote.annotator].append(1000 * seconds / n_characters)
    return {annotator: median(times) for annotator, times in paces.items()}
