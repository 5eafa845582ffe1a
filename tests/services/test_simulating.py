"""Simulated annotators press the buttons that a run offers."""

import numpy as np
import pytest

from annotate.services.simulating import choose_button, read_page
from tests import factories as make
from tests.views.pages import volunteer_in

DEGREES = ["left_clearly", "left_slightly", "right_slightly", "right_clearly"]


@pytest.mark.parametrize(
    ("found", "offered", "pressed"),
    [
        ("tie", ["left", "tie", "right"], {"tie"}),
        ("both_bad", ["left", "tie", "right"], {"tie"}),
        ("both_bad", ["left", "right"], {"left", "right"}),
        ("tie", ["left", "both_bad", "right"], {"left", "right"}),
        ("left", [*DEGREES, "tie"], set(DEGREES[:2])),
        ("tie", DEGREES, set(DEGREES)),
    ],
)
def test_choose_button_comes_nearest_to_what_was_found(
    found: str, offered: list[str], pressed: set[str]
) -> None:
    rng = np.random.default_rng(1)
    assert {choose_button(found=found, offered=offered, rng=rng) for _vote in range(60)} == pressed


@pytest.mark.django_db
def test_read_page_lists_the_buttons_of_the_run() -> None:
    run = make.make_open_round().run
    make.make_rules(run, asks_degree=True, offers_both_bad=False)
    html = volunteer_in(run).get(f"/rate/{run.slug}/").content.decode()
    assert sorted(read_page(html).choices) == sorted([*DEGREES, "tie"])
