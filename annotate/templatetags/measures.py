"""What was counted in a run's completions, for its page."""

from django import template

from annotate.models import SelectionRun
from annotate.services.measure_columns import RunMeasures, summarise_measures

register = template.Library()


@register.simple_tag
def measures_of(run: SelectionRun) -> RunMeasures:
    """Average what is measured of a run."""
    return summarise_measures(run=run)
