"""Votes on a round's candidates, as tests of rankings and figures cast them."""

import json
from typing import Any

from annotate.models import Prompt, Round, Vote
from tests import factories as make

# Who met whom, with which outcome, seen by which annotator; candidates by their place in the run.
BALLOTS = [
    (0, 1, "a", 0), (0, 1, "a", 1), (0, 1, "b", 2), (1, 2, "tie", 0), (1, 2, "a", 1),
    (0, 2, "both_bad", 0), (0, 2, "b", 2), (2, 3, "a", 2), (1, 3, "tie", 1),
]  # fmt: skip


def cast(round_: Round, ballots: Any, *, prompt: Prompt | None = None, **fields: Any) -> list[Vote]:
    """Cast votes on the round's candidates, all on one prompt."""
    candidates = list(round_.candidates.order_by("id"))
    prompt = prompt or round_.run.prompts().first()
    annotators: dict[int, Any] = {}
    votes = []
    for a, b, outcome, annotator in ballots:
        if annotator not in annotators:
            annotators[annotator] = make.make_annotator()
        sides = [candidates[side].completions.get(prompt=prompt) for side in (a, b)]
        comparison = make.make_comparison(*sides, round_=round_, annotator=annotators[annotator])
        votes.append(make.make_vote(comparison, outcome, **fields))
    return votes


def as_bytes(standings: list[dict[str, Any]]) -> bytes:
    """Write standings down; the database keeps no order of the keys within one."""
    return json.dumps(standings, sort_keys=True).encode()


def sliced_round() -> Round:
    """Vote by language, category, turn and kind in ways that can be told apart."""
    round_ = make.make_open_round(n_candidates=2, n_prompts=0)
    prompt_set = round_.run.prompt_sets.get()
    told = [("en", "joke", ["a"]), ("ja", "joke", ["b", "b"]), ("ja", "code", ["tie"] * 3)]
    for language, category, outcomes in told:
        prompt = make.make_prompt(
            prompt_set, language=language, category=category, turns=["One?", "Two?"]
        )
        a, b = (make.make_completion(each, prompt) for each in round_.candidates.order_by("id"))
        for turn, outcome in enumerate(outcomes):
            kind = "judge" if outcome == "b" else "person"
            annotator = make.make_annotator(kind=kind)
            comparison = make.make_comparison(a, b, round_=round_, annotator=annotator)
            make.make_vote(comparison, outcome, turn=turn)
    return round_
