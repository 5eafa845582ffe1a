"""The words of figures: how each is read, what its numbers are, and why some are missing."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from annotate.models.rankings import FigureKind

READING: dict[str, Promise] = {
    FigureKind.HEAD_TO_HEAD: gettext_lazy(
        "A cell tells how often the candidate of its row won against that of its column, in "
        "per cent; a draw counts half for each. Empty cells never met. The strongest stand "
        "first, so where the order holds throughout, numbers above 50 fill the upper right."
    ),
    FigureKind.CATEGORIES: gettext_lazy(
        "Each category is ranked by its own votes alone. The mean strength is 0 in each, so "
        "compare how far candidates stand apart within a category, and mind the intervals: a "
        "category has fewer votes than the whole."
    ),
    FigureKind.GROWTH: gettext_lazy(
        "The ranking as it would have stood when fewer votes were in. The thin upright lines "
        "are intervals: they grow short as votes come, and candidates whose lines still cross "
        "at the right are not settled yet."
    ),
    FigureKind.CALIBRATION: gettext_lazy(
        "Votes are foretold by rankings that did not see them. A dot on the broken line means"
        " that favourites won as often as foretold; above it they won more often, below it "
        "less often."
    ),
    FigureKind.TEMPERATURES: gettext_lazy(
        "A cell is a checkpoint at a temperature, with its strength and the interval below "
        "it. “All” stands for a whole row or column together."
    ),
    FigureKind.JUDGES: gettext_lazy(
        "The same candidates ranked by the votes of each kind of annotator alone. Where the "
        "marks of a row lie together, the kinds agree; Kendall's τ tells how alike the orders"
        " are, from −1 (reversed) over 0 (unrelated) to 1 (the same)."
    ),
    FigureKind.SIDES: gettext_lazy(
        "The share of an annotator's votes that went to the left side, draws left out. Sides "
        "are drawn at random, so without a habit it lies around 50%. An interval that keeps "
        "clear of it hints at a habit; of a hundred annotators without one, about five show "
        "such an interval by luck. The broken lines are 50% and the share of all together."
    ),
    FigureKind.ADJUSTED: gettext_lazy(
        "The primary ranking beside views that hold something else equal. They are there to "
        "see whether the order rests on it, and replace nothing: where a candidate's marks "
        "lie together, it does not."
    ),
}
GAPS: dict[str, Promise] = {
    "incomplete_grid": gettext_lazy(
        "not every checkpoint was judged at every temperature, so there is no mean of a row "
        "or column"
    ),
    "no_grid": gettext_lazy("the candidates have no models and temperatures to cross"),
    "no_propensities": gettext_lazy("no vote has the chance of its pair stored"),
    "no_sides": gettext_lazy("no vote tells which side each answer stood on"),
    "no_variation": gettext_lazy("the texts do not differ in it"),
    "no_votes": gettext_lazy("no votes counted"),
    "not_settled": gettext_lazy("the votes are too few or too one-sided for the fit to settle"),
    "one_annotator": gettext_lazy("all votes are by one annotator"),
    "one_category": gettext_lazy("all votes are in one category"),
    "one_kind": gettext_lazy("all votes are by one kind of annotator"),
    "one_temperature": gettext_lazy("all candidates have the same temperature"),
    "too_few_votes": gettext_lazy("there are too few votes"),
}


FACTS: dict[str, Promise] = {
    "n_votes": gettext_lazy("Votes"),
    "n_unpredicted": gettext_lazy("Votes that could not be foretold"),
    "n_folds": gettext_lazy("Parts that the votes were split into"),
    "log_loss": gettext_lazy("Log-loss of the prediction (nats a vote)"),
    "log_loss_base": gettext_lazy("Log-loss of the base rates (nats a vote)"),
    "log_loss_tie_rate": gettext_lazy("Log-loss with one share of draws for all (nats a vote)"),
    "scale": gettext_lazy("Stretch of the strengths"),
    "tie_weight": gettext_lazy("Weight of draws"),
    "share": gettext_lazy("Share of the left side"),
    "low": gettext_lazy("Low"),
    "high": gettext_lazy("High"),
    "left": gettext_lazy("Votes for the left side"),
    "right": gettext_lazy("Votes for the right side"),
    "n_categories": gettext_lazy("Categories"),
    "n_kinds": gettext_lazy("Kinds of annotators"),
    "n_models": gettext_lazy("Models"),
    "n_temperatures": gettext_lazy("Temperatures"),
    "n_left_out": gettext_lazy("Candidates without a model or a temperature"),
    "votes_weighed": gettext_lazy("Votes weighted"),
    "votes_without_propensity": gettext_lazy("Votes without a stored chance of their pair"),
    "truncated_votes": gettext_lazy("Votes whose weight was cut"),
    "effective_votes": gettext_lazy("Votes that weighted ones are worth"),
    "largest_weight": gettext_lazy("Largest weight of a vote"),
    "annotators_scale": gettext_lazy("Stretch of the strengths, annotators weighted"),
    "level": gettext_lazy("Level of the intervals"),
}
# Facts that are shares of 1.
SHARES = {"high", "level", "low", "share"}
