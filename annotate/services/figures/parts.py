"""A part of a ranking's votes, ranked as the whole is."""

from dataclasses import replace

from annotate.ranking import Standing
from annotate.ranking.settings import MIN_RESAMPLES
from annotate.services.figures.source import FigureSource
from annotate.services.rankings import rank_votes
from annotate.services.vote_columns import Votes


def rank_part(source: FigureSource, votes: Votes) -> list[tuple[str, Standing]]:
    """Rank all candidates of a ranking by some of its votes: name and standing, in order of place.

    Raises:
        StrengthsDidNotConverge: wins too lopsided for a prior too small.
    """
    # Resamples serve ranks and chances, which figures of parts do not show.
    settings = replace(source.settings, n_resamples=MIN_RESAMPLES)
    fit = rank_votes(votes, source.candidates, settings)
    by_place = sorted(fit.standings, key=lambda standing: standing.candidate)
    return [(source.names[standing.candidate], standing) for standing in by_place]
