"""A number that is foretold: how low, how likely, how high, and what it rests on."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Span = tuple[float, float, float]  # low, likely, high


class Basis(StrEnum):
    """What a number rests on, the firmest first."""

    MODEL = "model"
    ENGINE = "engine"
    RULE = "rule"


class Reason(StrEnum):
    """Why a number cannot be said."""

    SIZE_UNKNOWN = "size_unknown"
    ENDPOINTS = "endpoints"
    CPU = "cpu"
    NO_BUDGET = "no_budget"
    NEVER_STOPS = "never_stops"
    ANCHORS_ONLY = "anchors_only"
    NOT_SIMULATED = "not_simulated"

    @property
    def words(self) -> str:
        """Say it in the reader's language."""
        return {
            Reason.SIZE_UNKNOWN: _("Cannot be said yet: how large this model is nobody knows."),
            Reason.ENDPOINTS: _("Cannot be said: the endpoints' GPUs are not known here."),
            Reason.CPU: _("Cannot be said yet: nothing was measured on this CPU."),
            Reason.NO_BUDGET: _("Any number: no budget is set."),
            Reason.NEVER_STOPS: _("The whole budget: the run does not stop early."),
            Reason.ANCHORS_ONLY: _("Cannot be said: rounds against anchors were not simulated."),
            Reason.NOT_SIMULATED: _("Cannot be said: so many candidates were not simulated."),
        }[self]


@dataclass(frozen=True)
class Amount:
    """A range and what it rests on; without numbers it has the reason why.

    Attributes:
        n: completions or shards that were measured for it; 0 for a rule.
    """

    low: float | None
    likely: float | None
    high: float | None
    basis: Basis | None = None
    n: int = 0
    reason: Reason | None = None

    @classmethod
    def of(cls, span: Span, basis: Basis | None, n: int = 0) -> "Amount":
        """Give an amount from its low, likely and high."""
        low, likely, high = span
        return cls(low, likely, high, basis, n)

    @classmethod
    def unsaid(cls, reason: Reason) -> "Amount":
        """Give an amount that cannot be said."""
        return cls(None, None, None, reason=reason)

    @property
    def span(self) -> Span | None:
        """Give low, likely and high together; None where they cannot be said."""
        if self.low is None or self.likely is None or self.high is None:
            return None
        return self.low, self.likely, self.high

    @property
    def words(self) -> str:
        """Say what it rests on, or why it cannot be said."""
        if self.reason is not None:
            return self.reason.words
        if self.basis == Basis.RULE:
            return _("By a rule of thumb: nothing like it was measured here.")
        said = ngettext(
            "Measured here on %(n)s piece of work of the same model.",
            "Measured here on %(n)s pieces of work of the same model.",
            self.n,
        )
        if self.basis == Basis.ENGINE:
            said = ngettext(
                "Measured here on %(n)s completion of other models by the same engine.",
                "Measured here on %(n)s completions of other models by the same engine.",
                self.n,
            )
        return said % {"n": self.n}


def add_up(amounts: Iterable[Amount]) -> Amount:
    """Add amounts; the sum rests on the weakest, and cannot be said where one of them cannot."""
    given = list(amounts)
    for amount in given:
        if amount.reason is not None:
            return Amount.unsaid(amount.reason)
    spans = [amount.span or (0, 0, 0) for amount in given]
    bases = list(Basis)
    weakest = max((bases.index(each.basis) for each in given if each.basis), default=None)
    return Amount(
        low=sum(span[0] for span in spans),
        likely=sum(span[1] for span in spans),
        high=sum(span[2] for span in spans),
        basis=None if weakest is None else bases[weakest],
        n=max((each.n for each in given), default=0),
    )
