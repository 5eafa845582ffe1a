"""Settings are checked when they are made, and survive JSON."""

import json
from typing import Any

import pytest

from annotate.ranking import RankingSettings


def test_settings_have_the_documented_defaults() -> None:
    assert RankingSettings().to_dict() == {
        "prior": 0.5,
        "level": 0.95,
        "n_resamples": 1000,
        "seed": 0,
        "clusters": "widest",
        "anytime": False,
    }


def test_settings_survive_json() -> None:
    settings = RankingSettings(
        prior=0, level=0.9, n_resamples=200, seed=7, clusters="annotator", anytime=True
    )
    assert RankingSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_settings_stored_before_clusters_could_be_chosen_are_read_as_they_were_used() -> None:
    stored = {"prior": 0.5, "level": 0.95, "n_resamples": 1000, "seed": 0}
    assert RankingSettings.from_dict(stored) == RankingSettings(clusters="annotator")


def test_settings_read_what_else_is_missing_as_the_default() -> None:
    stored = {"prior": 0, "clusters": "widest"}
    assert RankingSettings.from_dict(stored) == RankingSettings(prior=0)


def test_settings_refuse_an_unknown_field() -> None:
    with pytest.raises(ValueError, match=r"^unknown ranking settings: alpha; known are prior, "):
        RankingSettings.from_dict({"alpha": 0.1})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prior", -0.5),
        ("prior", 1e-9),
        ("prior", 1e9),
        ("prior", float("nan")),
        ("prior", "0.5"),
        ("prior", True),
        ("level", 0.0),
        ("level", 1.0),
        ("level", 95),
        ("n_resamples", 99),
        ("n_resamples", 1000.0),
        ("seed", -1),
        ("seed", None),
        ("clusters", "prompt"),
        ("anytime", 1),
    ],
)
def test_settings_refuse_a_value_out_of_range(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{field} is "):
        RankingSettings(**{field: value})
