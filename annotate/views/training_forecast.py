"""What a training said that it was about to do, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from annotate.services.training_words import DROPPED
from annotate.templatetags.kurabe import duration, percent
from annotate.views.reading import show_plain


@dataclass(frozen=True)
class Fact:
    """A name, a value, and what else there is to say of it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Example:
    """A pair as it is fed: the text with every mark in it, and its token ids."""

    html: SafeString
    ids: str
    n_tokens: int
    begins_with_bos: bool
    ends_with_eos: bool


@dataclass(frozen=True)
class Told:
    """A forecast as a page shows it."""

    facts: list[Fact]
    examples: list[Example]


def tell_forecast(forecast: Mapping[str, Any] | None) -> Told | None:
    """Put a forecast into words; None before the trainer has made one."""
    if not forecast:
        return None
    return Told([*_tell(forecast)], [_show(each) for each in forecast.get("examples", [])])


def _tell(forecast: Mapping[str, Any]) -> Iterator[Fact]:
    yield Fact(_("Pairs"), _count(forecast.get("pairs")))
    yield Fact(_("Pairs left out"), _count(forecast.get("dropped_pairs")), _why(forecast))
    for name, label in _counts().items():
        if forecast.get(name):
            yield Fact(label, _count(forecast[name]))
    yield _tell_parameters(forecast)
    yield Fact(_("Steps"), _count(forecast.get("steps")))
    yield Fact(_("Layout of batches"), str(forecast.get("layout", "")), _why_layout(forecast))
    yield Fact(_("Activations"), _("computed twice") if forecast.get("checkpointing") else
               _("kept"))  # fmt: skip
    yield _tell_room(_("Memory"), forecast, "memory_bytes", "memory_available_bytes")
    yield _tell_room(_("Disk"), forecast, "disk_bytes", "disk_free_bytes")
    seconds = forecast.get("seconds")
    yield Fact(_("Time"), _("not measured") if seconds is None else duration(seconds))
    if forecast.get("label_smoothing") is not None:
        yield Fact(_("Share of wrong labels"), percent(forecast["label_smoothing"], 1))


def _counts() -> dict[str, str]:
    """Name the numbers that are told only where there is something to tell."""
    return {
        "eval_pairs": _("Pairs to evaluate on"),
        "cut_pairs": _("Pairs with a reply cut at its end"),
        "merged_pairs": _("Pairs whose prompt shares a token with the reply"),
        "tokens": _("Tokens, both replies with their prompt"),
        "read_tokens": _("Tokens read in a pass"),
    }


def _why(forecast: Mapping[str, Any]) -> str:
    dropped = forecast.get("dropped") or {}
    return _("; ").join(f"{DROPPED.get(why, why)}: {_count(n)}" for why, n in dropped.items())


def _why_layout(forecast: Mapping[str, Any]) -> str:
    return str(forecast.get("layout_reason") or "")


def _tell_parameters(forecast: Mapping[str, Any]) -> Fact:
    trained = forecast.get("trained_parameters")
    note = ""
    if trained is not None and trained != forecast.get("parameters"):
        note = _("%(n)s of them are trained") % {"n": _count(trained)}
    return Fact(_("Parameters"), _count(forecast.get("parameters")), note)


def _tell_room(label: str, forecast: Mapping[str, Any], needed: str, free: str) -> Fact:
    if forecast.get(needed) is None:
        return Fact(label, _("not measured"))
    note = ""
    if forecast.get(free) is not None:
        note = _("%(free)s are free") % {"free": filesizeformat(forecast[free])}
    return Fact(label, filesizeformat(forecast[needed]), note)


def _count(number: int | None) -> str:
    return "–" if number is None else number_format(number, force_grouping=True)


def _show(example: Mapping[str, Any]) -> Example:
    return Example(
        html=show_plain(example["text"]),
        ids=" ".join(map(str, example["ids"])),
        n_tokens=len(example["ids"]),
        begins_with_bos=example["begins_with_bos"],
        ends_with_eos=example["ends_with_eos"],
    )
