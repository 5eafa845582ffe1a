"""What rows of each form look like: pairs and rankings in, rows for a library out, and columns."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from annotate.models import Candidate
from annotate.services.exporting.rows import Split
from annotate.services.exporting.texts import render_texts

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
Tagged = tuple[Split, Row]
"""A row, and the file that it goes into."""

Convert = Callable[[Iterable[Tagged], Candidate | None], Iterator[Tagged]]

_WHERE_FROM = {
    "source": "text",
    "run": "text",
    "prompt_set": "text",
    "prompt_id": "text",
    "n_turns": "count",
    "language": "text",
    "category": "text",
}
_OF_A_PAIR = _WHERE_FROM | {
    "chosen_candidate": "text",
    "chosen_sample": "count",
    "rejected_candidate": "text",
    "rejected_sample": "count",
    "votes_chosen": "count",
    "votes_rejected": "count",
    "votes_tie": "count",
    "votes_both_bad": "count",
    "n_votes": "count",
    "margin": "number",
    "agreement": "number",
    "weight": "number",
    "annotator_kinds": "texts",
}
_OF_A_REPLY = _WHERE_FROM | {
    "candidate": "text",
    "sample": "count",
    "votes_for": "count",
    "votes_against": "count",
    "n_votes": "count",
    "weight": "number",
    "annotator_kinds": "texts",
}
_OF_A_RANKING = _WHERE_FROM | {
    "candidates": "texts",
    "samples": "counts",
    "ranks": "counts",
    "strengths": "numbers",
    "n_votes": "counts",
    "weight": "number",
    "annotator_kinds": "texts",
}


@dataclass(frozen=True)
class RowForm:
    """A form of rows that are made of pairs or rankings.

    Attributes:
        kinds: what each column holds, by its name, in order.
        convert: makes rows of a whole export as they come; a form may have to see all rows of a
            prompt, which follow one another, before it yields one.
    """

    kinds: dict[str, str]
    convert: Convert

    def rows(self, rows: Iterable[Tagged], *, base: Candidate | None = None) -> Iterator[Tagged]:
        """Yield the rows of this form; `base` renders texts, which `dpo-standard` alone needs.

        Raises:
            ExportRefused: the texts cannot be rendered.
        """
        return self.convert(rows, base)

    def schema(self) -> "pa.Schema":
        """Give the columns, as Parquet and CSV need them."""
        types = arrow_types()
        return _arrow().schema([(name, types[kind]) for name, kind in self.kinds.items()])


def arrow_types() -> dict[str, Any]:
    """Give Arrow's type of each kind of column."""
    pa = _arrow()
    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    return {
        "messages": messages,
        "conversations": pa.list_(messages),
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "count": pa.int64(),
        "counts": pa.list_(pa.int64()),
        "number": pa.float64(),
        "numbers": pa.list_(pa.float64()),
        "flag": pa.bool_(),
    }


def _arrow() -> Any:
    import pyarrow  # noqa: PLC0415  54 MB that a process without Parquet does without

    return pyarrow


def _as_they_are(rows: Iterable[Tagged], base: Candidate | None) -> Iterator[Tagged]:
    return iter(rows)


def _whole_conversations(rows: Iterable[Tagged], base: Candidate | None) -> Iterator[Tagged]:
    """Put the prompt before either reply: TRL's implicit prompt, as RewardTrainer reads it."""
    for split, row in rows:
        rest = dict(row)
        prompt = rest.pop("prompt")
        sides = {side: prompt + rest[side] for side in ("chosen", "rejected")}
        yield split, rest | sides


def _texts(rows: Iterable[Tagged], base: Candidate | None) -> Iterator[Tagged]:
    assert base is not None, "a recipe of form dpo-standard names its base"
    return render_texts(rows, base)


_PLACE = itemgetter("source", "prompt_set", "prompt_id")


def _single_replies(rows: Iterable[Tagged], base: Candidate | None) -> Iterator[Tagged]:
    """Take pairs apart: each reply once for its prompt and source, wanted or not.

    A reply of several pairs is wanted where more votes were for it than against it in all of them
    together, and left out where they are even. A pair whose verdict is not that of its own votes
    (it was imported, or judged by reliability or strength) counts as one vote.
    """
    for (split, _place), pairs in groupby(rows, key=lambda tagged: (tagged[0], _PLACE(tagged[1]))):
        replies: dict[tuple[str, ...], Row] = {}
        for _split, pair in pairs:
            _count_votes(replies, pair)
        for reply in replies.values():
            if reply["votes_for"] != reply["votes_against"]:
                reply["label"] = reply["votes_for"] > reply["votes_against"]
                yield split, reply


def _count_votes(replies: dict[tuple[str, ...], Row], pair: Row) -> None:
    """Add a pair's votes to those on its two replies."""
    won, lost = pair["votes_chosen"], pair["votes_rejected"]
    if won <= lost:
        won, lost = 1, 0
    for side, votes_for, votes_against in (("chosen", won, lost), ("rejected", lost, won)):
        key = tuple(message["content"] for message in pair[side])
        reply = replies.setdefault(key, _open_reply(pair, side))
        reply["votes_for"] += votes_for
        reply["votes_against"] += votes_against
        reply["n_votes"] += pair["n_votes"]
        known = reply["annotator_kinds"]
        known += [kind for kind in pair["annotator_kinds"] if kind not in known]


def _open_reply(pair: Row, side: str) -> Row:
    """Begin the row of a reply, in the order of its columns."""
    return {
        "prompt": pair["prompt"],
        "completion": pair[side],
        "label": None,
        **{name: pair[name] for name in _WHERE_FROM},
        "candidate": pair[f"{side}_candidate"],
        "sample": pair[f"{side}_sample"],
        "votes_for": 0,
        "votes_against": 0,
        "n_votes": 0,
        "weight": pair["weight"],
        "annotator_kinds": [],
    }


_PAIR = ("prompt", "chosen", "rejected")
FORMS: dict[str, RowForm] = {
    "dpo": RowForm(dict.fromkeys(_PAIR, "messages") | _OF_A_PAIR, _as_they_are),
    "dpo-standard": RowForm(dict.fromkeys(_PAIR, "text") | _OF_A_PAIR, _texts),
    "kto": RowForm(
        {"prompt": "messages", "completion": "messages", "label": "flag"} | _OF_A_REPLY,
        _single_replies,
    ),
    "reward": RowForm(dict.fromkeys(_PAIR[1:], "messages") | _OF_A_PAIR, _whole_conversations),
    "ranking": RowForm(
        {"prompt": "messages", "completions": "conversations"} | _OF_A_RANKING, _as_they_are
    ),
}
"""By the name of the form; `votes` and `arena` are in `votes.py`."""
