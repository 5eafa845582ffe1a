"""What moves in a run right now: completions that are made, and votes that come in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Count, Max, Prefetch, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from annotate.models import Candidate, GenerationShard, Round, SelectionRun, Vote

State = GenerationShard.State
SHOWN = 50
VOTERS_SHOWN = 10
FAILURES_SHOWN = 20
# Who sent no vote for so long is not at it any more.
AT_IT = timedelta(minutes=15)
HOURS = 24
BAR_HEIGHT = 48.0
# A worker says once a second that it runs; after so long it may have been killed.
SILENT = timedelta(seconds=60)
# The first that holds of any shard is what its candidate's line says.
ORDER = (State.FAILED, State.RUNNING, State.WAITING, State.STOPPED, State.DONE)


@dataclass(frozen=True)
class Maker:
    """A candidate of the round, and how far its completions are.

    Attributes:
        tokens_per_s: of the processes that run now, together; None before their first completion.
        seconds_left: at that speed; None where nothing runs.
    """

    candidate: Candidate
    shards: tuple[GenerationShard, ...]
    now: datetime

    @property
    def n_wanted(self) -> int:
        """Count the completions that the round wants."""
        return sum(shard.n_wanted for shard in self.shards)

    @property
    def n_stored(self) -> int:
        """Count those that stand."""
        return sum(shard.n_stored for shard in self.shards)

    @cached_property
    def state(self) -> str:
        """Say what its shards do: the one that needs a hand first."""
        return next(state for state in ORDER if any(s.state == state for s in self.shards))

    @property
    def state_words(self) -> str:
        """Say it in words."""
        return str(State(self.state).label)

    @property
    def running(self) -> list[GenerationShard]:
        """List the shards whose completions are made now."""
        return [shard for shard in self.shards if shard.state == State.RUNNING]

    @property
    def is_silent(self) -> bool:
        """Tell whether a worker that should run has said nothing for a while."""
        return any(shard.seen_at and self.now - shard.seen_at > SILENT for shard in self.running)

    @cached_property
    def tokens_per_s(self) -> float | None:
        """Add up the speeds of the processes that run."""
        return _add(_rate(shard, shard.tokens_made) for shard in self.running)

    @cached_property
    def seconds_left(self) -> float | None:
        """Say how long the slowest of its processes still takes."""
        times = []
        for shard in self.running:
            rate = _rate(shard, shard.n_made)
            if not rate:
                return None
            times.append((shard.n_wanted - shard.n_stored) / rate)
        return max(times, default=None)


@dataclass(frozen=True)
class Making:
    """The completions of a round."""

    makers: tuple[Maker, ...]

    @property
    def n_wanted(self) -> int:
        """Count the completions that all candidates are to make."""
        return sum(maker.n_wanted for maker in self.makers)

    @property
    def n_stored(self) -> int:
        """Count those that stand."""
        return sum(maker.n_stored for maker in self.makers)

    @property
    def shown(self) -> list[Maker]:
        """List those to look at: what failed first, then what runs, then what waits."""
        return sorted(self.makers, key=lambda maker: ORDER.index(State(maker.state)))[:SHOWN]

    @property
    def failed(self) -> list[GenerationShard]:
        """List the shards that ended with an error."""
        shards = (shard for maker in self.makers for shard in maker.shards)
        return [shard for shard in shards if shard.state == State.FAILED]

    @property
    def failures(self) -> list[GenerationShard]:
        """List as many of them as a page can say."""
        return self.failed[:FAILURES_SHOWN]

    @property
    def tokens_per_s(self) -> float | None:
        """Add up the speeds of everything that runs."""
        return _add(maker.tokens_per_s for maker in self.makers)

    @property
    def is_moving(self) -> bool:
        """Tell whether something is made, or will be when a worker comes."""
        return any(maker.state in (State.RUNNING, State.WAITING) for maker in self.makers)

    @property
    def nobody_works(self) -> bool:
        """Tell whether everything waits for a worker."""
        states = {maker.state for maker in self.makers} - {State.DONE}
        return states == {State.WAITING}


@dataclass(frozen=True)
class Voter:
    """Somebody who votes now."""

    pseudonym: str
    kind: str
    n_votes: int
    last_at: datetime


@dataclass(frozen=True)
class Hour:
    """Votes of one hour, and its bar on a picture of `HOURS` × `BAR_HEIGHT`."""

    begins: datetime
    n_votes: int
    x: int
    height: float

    @property
    def y(self) -> float:
        """Give where the bar begins, from above."""
        return BAR_HEIGHT - self.height


@dataclass(frozen=True)
class Voting:
    """The votes that come in; `hours` are the last 24, the one that is not over among them.

    Attributes:
        n_by_judges: LLM judges' of the last day, which no other number here has.
    """

    n_last_hour: int
    n_last_day: int
    n_by_judges: int
    voters: tuple[Voter, ...]
    n_voters: int
    hours: tuple[Hour, ...]

    @property
    def most(self) -> int:
        """Give the votes of the busiest hour."""
        return max(hour.n_votes for hour in self.hours)


@dataclass(frozen=True)
class Live:
    """What moves in the newest round; `making` is None where nothing is made here.

    `at` names state and round: a page that was made at another is out of date as a whole.
    """

    at: str
    round: Round
    making: Making | None
    voting: Voting | None
    is_moving: bool


def tell_live(run: SelectionRun) -> Live | None:
    """Tell what moves in the run; None where it has no round."""
    round_ = run.rounds.order_by("-number").first()
    if round_ is None:
        return None
    now = timezone.now()
    making = _making(round_, now)
    voting = _voting(round_, now) if round_.has_opened else None
    may_move = run.is_active and run.state != SelectionRun.State.DECIDED
    is_moving = may_move and (round_.is_open or bool(making and making.is_moving))
    at = f"{run.state}-{round_.number}-{'paused' if run.paused_at else 'on'}"
    return Live(at, round_, making, voting, is_moving)


def _making(round_: Round, now: datetime) -> Making | None:
    """Gather the round's shards by candidate; logs are not read, for they are long."""
    names = Prefetch("candidate", Candidate.objects.only("name"))
    shards = round_.shards.defer("log").prefetch_related(names).order_by("candidate", "number")
    grouped: dict[int, list[GenerationShard]] = {}
    for shard in shards:
        grouped.setdefault(shard.candidate_id, []).append(shard)
    makers = tuple(Maker(found[0].candidate, tuple(found), now) for found in grouped.values())
    return Making(makers) if makers else None


def _voting(round_: Round, now: datetime) -> Voting:
    """Count the votes of the last day, taken back or not: they came in. LLM judges' stand apart."""
    this_hour = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    since = this_hour - timedelta(hours=HOURS - 1)
    votes = Vote.objects.filter(comparison__round=round_, created_at__gte=since).order_by()
    by_people = votes.by_people()
    by_hour = by_people.annotate(hour=TruncHour("created_at")).values_list("hour")
    hours = _hours(dict(by_hour.annotate(Count("id"))), since)
    voters = _voters(votes.filter(created_at__gt=now - AT_IT))
    return Voting(
        n_last_hour=by_people.filter(created_at__gt=now - timedelta(hours=1)).count(),
        n_last_day=sum(hour.n_votes for hour in hours),
        n_by_judges=votes.count() - by_people.count(),
        voters=tuple(voters[:VOTERS_SHOWN]),
        n_voters=len(voters),
        hours=hours,
    )


def _voters(votes: QuerySet[Vote]) -> list[Voter]:
    """List who cast the votes, the last to vote first."""
    of = "comparison__annotator__"
    rows = votes.values_list(f"{of}pseudonym", f"{of}kind")
    rows = rows.annotate(n_votes=Count("id"), last_at=Max("created_at")).order_by("-last_at")
    return [Voter(*row) for row in rows]


def _hours(by_hour: dict[datetime, int], since: datetime) -> tuple[Hour, ...]:
    """Draw the votes of each hour, the busiest at full height."""
    most = max(by_hour.values(), default=0) or 1
    found = ((n, since + timedelta(hours=n)) for n in range(HOURS))
    return tuple(
        Hour(begins, by_hour.get(begins, 0), n, BAR_HEIGHT * by_hour.get(begins, 0) / most)
        for n, begins in found
    )


def _rate(shard: GenerationShard, amount: int) -> float | None:
    """Give an amount by the second, start-up left out; None before the first completion."""
    if shard.ready_at is None or shard.seen_at is None:
        return None
    seconds = (shard.seen_at - shard.ready_at).total_seconds()
    return amount / seconds if seconds >= 1 else None


def _add(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
