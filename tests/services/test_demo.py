"""What the demo puts before a visitor."""

from collections import Counter

import pytest

from annotate.services import demo
from annotate.services.arrival import Step, next_step
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_practice_is_for_visitors_of_both_languages_and_for_no_simulation() -> None:
    run = make.make_open_round().run
    demo.add_practice(run=run)
    pairs = run.gold_pairs.select_related("completion_a__prompt")
    assert Counter(pair.completion_a.prompt.language for pair in pairs) == {"en": 3, "ja": 3}
    visitor = make.make_volunteer(run)
    assert next_step(run=run, annotator=visitor.annotator) == Step.PRACTICE
    robot = make.make_annotator(kind="simulated")
    assert next_step(run=run, annotator=robot) == Step.RATE


def test_practice_ranks_nobody() -> None:
    run = make.make_open_round().run
    demo.add_practice(run=run)
    assert run.candidates.competing().count() == 2
    assert not run.prompts().filter(prompt_set__slug=f"{run.slug}-gold").exists()
