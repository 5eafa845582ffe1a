"""What passes between the choice of pairs and the forms that they are written in."""

from typing import Literal, TypedDict

Message = dict[str, str]
"""`role` (system, user or assistant) and `content`."""

Split = Literal["train", "test"]
"""Which file a row goes into. It is yielded beside the row and is no column."""

FITTED_DECIMALS = 9
"""Of what was fitted: the last bits hang on the order in which a sum was taken."""


class PairRow(TypedDict):
    """A chosen and a rejected reply to one prompt: a row of form `dpo`, columns in this order.

    `chosen` and `rejected` go from the first reply on, later questions among them; `prompt` ends
    with the first question. Rows of a preference set have no run (""), the set's slug and the
    pair's key as `prompt_set` and `prompt_id`, no candidates (""), samples of 0, no votes, and no
    annotator kinds.

    `margin` and `agreement` are ready as weights of a loss, whatever the method, and 0 or more:

    - `majority`: (won - lost) / (won + lost), and won / (won + lost);
    - `reliability`: 2p - 1 and p, where p is the probability that the chosen one is preferred;
    - `strength`: the difference of the two strengths (a log-odds), and p of the same;
    - a preference set: its own margin, 1 where it says none; and 1.
    """

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    source: str
    run: str
    prompt_set: str
    prompt_id: str
    n_turns: int
    language: str
    category: str
    chosen_candidate: str
    chosen_sample: int
    rejected_candidate: str
    rejected_sample: int
    votes_chosen: int
    votes_rejected: int
    votes_tie: int
    votes_both_bad: int
    n_votes: int
    margin: float
    agreement: float
    weight: float
    annotator_kinds: list[str]


class RankedRow(TypedDict):
    """Two or more replies to one prompt, the best first: a row of form `ranking`.

    Every list but `prompt` and `annotator_kinds` has one value for each reply. `completions` are
    messages as `PairRow.chosen`; `ranks` begin at 1, and equals share one; `strengths` are log-odds
    with mean 0, of votes on this prompt alone; `n_votes` are those on the reply. Of a preference
    set's pair, strengths are 0.5 and -0.5 and votes 0.
    """

    prompt: list[Message]
    completions: list[list[Message]]
    source: str
    run: str
    prompt_set: str
    prompt_id: str
    n_turns: int
    language: str
    category: str
    candidates: list[str]
    samples: list[int]
    ranks: list[int]
    strengths: list[float]
    n_votes: list[int]
    weight: float
    annotator_kinds: list[str]


# What the other side provides, by form (`forms.py`): a form takes one row of ours and yields none,
# one or several of its own, and says its columns as an Arrow schema.
#
#     FORMS: Mapping[str, RowForm]        # every form but votes and arena
#     RowForm.rows(row: PairRow | RankedRow) -> Iterator[dict[str, object]]
#     RowForm.schema() -> pyarrow.Schema
#
# and of the forms of votes (`votes.py`):
#
#     vote_rows(source: RunVotes, recipe: Recipe, split_of) -> Iterator[tuple[Split, dict]]
#     vote_schema(form) -> pyarrow.Schema
#
# where `source` has its cut-off, and `split_of(prompt, annotator)` (ids) is that of
# `splits.Splits.of_vote`: None for a vote that is in neither part. Votes on held-out prompts are
# never in "train".
