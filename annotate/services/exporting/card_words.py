"""What the card of a dataset says in words. Hubs are read in English, and so cards are."""

from collections.abc import Mapping
from typing import Any

ROWS = {
    "dpo": "A row is a pair of replies to one prompt, as conversations: `prompt`, `chosen` and"
    " `rejected` are lists of messages. TRL's DPOTrainer reads them as they are.",
    "dpo-standard": "A row is a pair of replies to one prompt, as texts in the prompt format of the"
    " model named below. BOS and EOS stand once each where the format has them when the texts are"
    " encoded by that model's tokenizer, as TRL's DPOTrainer does; other models need another"
    " export.",
    "kto": "A row is one reply to a prompt, and whether it is wanted (`label`), as TRL's KTOTrainer"
    " reads it. Each reply stands once for its prompt and source: it is wanted where more votes"
    " were for it (`votes_for`) than against it (`votes_against`) in all of its pairs together, and"
    " left out where they were even. A pair without a majority of its own votes counts as one.",
    "reward": "A row is a pair of whole conversations, `chosen` and `rejected`, as TRL's"
    " RewardTrainer reads them. That trainer takes the column `margin` into its loss; remove it"
    " where that is not wanted.",
    "ranking": "A row is a prompt with all replies that were ranked, the best first"
    " (`completions`), with their `ranks` (equals share one) and `strengths` (log odds, of this"
    " prompt's votes).",
    "votes": "A row is one vote. Another Kurabe imports such rows; texts are not among them.",
    "arena": "A row is one vote in LMArena's columns, with all texts. `model_a` stood on the left"
    " where that is known, and `judge` is a pseudonym.",
}
TASKS = {"reward": "text-ranking", "ranking": "text-ranking"}
FOR_TRL = ("dpo", "dpo-standard", "kto", "reward")
OF_VOTES = ("votes", "arena")
MARGINS = {
    "majority": "`margin` is the lead of the chosen reply by its share of the decisive votes, 0 to"
    " 1, and `agreement` the share of them that chose it.",
    "reliability": "`agreement` is the probability that the chosen reply is preferred, and `margin`"
    " twice that less 1.",
    "strength": "`margin` is the difference of the two strengths in log odds, and `agreement` the"
    " probability that follows from it.",
}
LIMITS = (
    "A vote says which of two replies somebody liked better. It is no measure of truth or safety:"
    " a chosen reply may be wrong, and both may be.",
    "Votes are those of these annotators on these prompts; others may judge otherwise.",
    "Texts stand as models wrote them and were not reviewed; some may be harmful, or repeat what"
    " they were trained on.",
    "Preferences are known to favour longer and more decorated replies; compare lengths before and"
    " after training.",
)
KINDS = {
    "person": ("person", "people"),
    "judge": ("LLM judge", "LLM judges"),
    "simulated": ("simulated annotator", "simulated annotators"),
}
REASONS = {
    "held_out": "on held-out prompts, which are never trained on",
    "empty_reply": "with an empty reply",
    "same_replies": "of equal replies",
    "no_decisive_vote": "without a vote for either side: ties and “both bad” never become pairs",
    "too_few_votes": "with too few decisive votes",
    "margin_too_small": "in which neither reply leads by enough",
    "probability_too_small": "of which neither reply is better with enough certainty",
    "fewer_than_two_replies": "with fewer than two replies to rank",
    "leaked": "with too much text in another language",
    "flagged": "with a reply that names its maker, or was reported",
    "near_equal": "of two replies that are all but equal",
    "near_duplicate": "that all but repeat another pair",
    "over_limit_of_prompt": "more than one prompt may have",
    "over_limit_of_source": "more than their source may have",
    "out_of_balance": "more than the balance of the rows allows",
}


def say_method(filters: Mapping[str, Any]) -> str:
    """Say how votes became rows."""
    if filters["form"] in OF_VOTES:
        return "Every vote that counted at the cut-off is a row, as it was cast."
    needs = f"{count(filters['min_votes'], 'decisive vote')} or more (ties and “both bad” are none)"
    sure = f"with a probability of {filters['min_probability']:g} or more"
    if filters["form"] == "ranking":
        return (
            "Replies are ordered by strengths that were fitted to the votes on each prompt"
            f" (Bradley-Terry), where they have {needs}."
        )
    said = {
        "majority": f"A pair of replies has {needs}, and the chosen one leads by"
        f" {filters['margin']} or more.",
        "reliability": f"A pair of replies has {needs}. Each vote is weighed by how reliable its"
        f" annotator is elsewhere, and the chosen reply is the better one {sure}.",
        "strength": f"A pair of replies has {needs}. Strengths of all replies to a prompt were"
        f" fitted to its votes (Bradley-Terry), and the chosen reply is the better one {sure}.",
    }[filters["method"]]
    return f"{said} {MARGINS[filters['method']]}"


def say_choices(filters: Mapping[str, Any]) -> list[str]:
    """List the other choices that were made, those that change nothing left out."""
    said = []
    if filters.get("max_pairs_per_prompt") is not None:
        said.append(
            f"Of one prompt at most {count(filters['max_pairs_per_prompt'], 'row')}, the surest."
        )
    if filters.get("leave_out_leaked"):
        said.append("No reply with passages in a language that the prompt is not in.")
    if filters.get("leave_out_flagged"):
        said.append("No reply that names its maker, or was reported as harmful.")
    if filters.get("balance"):
        said.append(f"As many rows of each {' and '.join(filters['balance'])}.")
    if filters.get("near_equal") is not None:
        said.append(f"Texts of a similarity of {filters['near_equal']:g} or more count as one.")
    if filters.get("test_share"):
        said.append(f"About {filters['test_share']:.0%} of the prompts are kept to test on.")
    if filters.get("test_annotator_share"):
        share = f"{filters['test_annotator_share']:.0%}"
        said.append(f"About {share} of the annotators have no vote behind a row to train on.")
    if said:
        said.append(f"Whatever was drawn was drawn with seed {filters.get('seed', 0)}.")
    return said


def say_reason(reason: str, n: int) -> str:
    """Say how many were left out and why."""
    return f"{n:,} {REASONS.get(reason, reason.replace('_', ' '))}"


def say_kinds(counted: Mapping[str, int]) -> str:
    """List counts by kind of annotator."""
    parts = [
        f"{n:,} {KINDS[kind][n != 1]}" if kind in KINDS else f"{n:,} {kind}"
        for kind, n in counted.items()
    ]
    return join(parts) or "nobody"


def count(n: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def join(parts: list[str]) -> str:
    """Join with commas and “and”."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def size_category(n_rows: int) -> str:
    """Give the hub's word for so many rows."""
    steps = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"]
    bounds = [10**power for power in range(3, 10)]
    for place, bound in enumerate(bounds):
        if n_rows < bound:
            return f"n<{steps[0]}" if place == 0 else f"{steps[place - 1]}<n<{steps[place]}"
    return f"n>{steps[-1]}"
