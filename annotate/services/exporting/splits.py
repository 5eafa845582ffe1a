"""Which prompts and annotators are kept apart, by what they are and not by where they stand."""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from annotate.models import Prompt
from annotate.ranking.arrays import BoolArray, FloatArray, IntArray
from annotate.services.exporting.recipe import Recipe
from annotate.services.exporting.rows import Message

_BYTES = 8
_TOP = 2.0**64


def identify(text: str) -> int:
    """Give a number of 64 bits that texts share if they differ in white space and width alone."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=_BYTES)
    return int.from_bytes(digest.digest(), "little", signed=True)


def identify_each(texts: Iterable[str]) -> IntArray:
    """Give the numbers of some texts."""
    return np.fromiter(map(identify, texts), dtype=np.int64)


def first_question(messages: Sequence[Message]) -> str:
    """Give what a conversation's user says first, by which a prompt is known wherever it stands."""
    return next((each["content"] for each in messages if each["role"] == "user"), "")


def draw(keys: IntArray, *, seed: int, purpose: str) -> FloatArray:
    """Return (keys,) numbers from 0 to 1 that only key, seed and purpose decide.

    A keyed hash: SplitMix64 (Steele, Lea & Flood 2014) of each key with the seed's own hash.
    """
    salt = np.uint64(identify(f"{purpose}:{seed}") % 2**64)
    mixed = keys.astype(np.uint64) ^ salt
    mixed += np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed / _TOP


def read_held_out() -> IntArray:
    """List the identities of every prompt that is held out, of whatever run, in ascending order."""
    turns = Prompt.objects.held_out().order_by().values_list("turns__0", flat=True)
    return np.unique(identify_each(turns.iterator(chunk_size=5_000)))


@dataclass(frozen=True, eq=False)
class Splits:
    """What is held out, and what is kept to test on.

    A prompt is known by its first question, so that it is on one side in every source and however
    far its conversation goes. Rows to train on are on no prompt that is held out or tested on, and
    none of the votes behind them is a held-out annotator's. With held-out annotators, rows to test
    on are made of these annotators' votes alone: new people on new prompts.
    """

    recipe: Recipe
    held_out: IntArray = field(default_factory=read_held_out)

    def is_held_out(self, identity: IntArray) -> BoolArray:
        """Return (prompts,) whether each is held out somewhere, or repeats one that is."""
        return np.isin(identity, self.held_out)

    def is_test(self, identity: IntArray) -> BoolArray:
        """Return (prompts,) whether each is kept to test on."""
        drawn = draw(identity, seed=self.recipe.seed, purpose="prompt")
        return np.asarray(drawn < self.recipe.test_share)

    def is_test_annotator(self, pseudonyms: Iterable[str]) -> BoolArray:
        """Return (annotators,) whether each is held out."""
        drawn = draw(identify_each(pseudonyms), seed=self.recipe.seed, purpose="annotator")
        return np.asarray(drawn < self.recipe.test_annotator_share)

    def may_count(self, *, is_test_prompt: BoolArray, is_test_annotator: BoolArray) -> BoolArray:
        """Return (votes,) whether a vote may stand behind rows of the part that its prompt is in.

        Args:
            is_test_prompt, is_test_annotator: (votes,).
        """
        if self.recipe.test_annotator_share == 0:
            return np.ones(len(is_test_prompt), dtype=np.bool_)
        return np.asarray(is_test_prompt == is_test_annotator)
