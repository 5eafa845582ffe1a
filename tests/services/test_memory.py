"""What a process keeps of the database stays bounded, and what was used last stays longest."""

import numpy as np

from annotate.services.matches import Matches
from annotate.services.memory import Recent


def test_recent_forgets_what_was_used_longest_ago() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.keep("a", 1)
    recent.keep("b", 2)
    assert recent.find("a") == 1
    recent.keep("c", 3)
    assert [recent.find(key) for key in "abc"] == [1, None, 3]
    recent.keep("a", 4)
    recent.forget("c")
    assert [recent.find(key) for key in "ac"] == [4, None]


def matched(*codes: complex) -> Matches:
    """Give pairs of completions, none of which has met."""
    places = np.arange(len(codes), dtype=np.int32)
    return Matches(
        codes=np.array(codes, dtype=np.complex128),
        prompts=places,
        prompt=places,
        use_a=places,
        use_b=places,
        cell=np.zeros_like(places),
        cells=(("en", ""),),
        may_meet=np.ones(len(codes), dtype=np.bool_),
        names_maker=np.zeros(len(codes), dtype=np.bool_),
        n_texts=(len(codes), len(codes)),
        excluded=0,
        through=0,
        open=(),
        settled=np.zeros_like(places),
    )


def test_matches_add_up_by_pair_of_completions() -> None:
    known = matched(9 + 9j, 2 + 5j, 7 + 1j, 1 + 7j)
    assert known.n.tolist() == [0, 0, 0, 0]
    known.add(11, 2 + 5j)
    known.add(11, 2 + 5j)  # heard of twice
    known.add(12, 7 + 1j)
    known.add(13, 4 + 4j)  # on a prompt that the run does not ask any more
    assert known.n.tolist() == [0, 1, 1, 0]
    settled = np.array([2 + 5j, 1 + 7j, 2 + 5j, 99 + 1j])
    later = known.with_settled(settled, through=20, open_=(12,))
    assert later.n.tolist() == [0, 2, 0, 1]
    later.add(21, 2 + 5j)
    assert later.n.tolist() == [0, 3, 0, 1]
    assert (later.through, later.open, known.n.tolist()) == (20, (12,), [0, 1, 1, 0])
    assert matched().with_settled(settled, through=1, open_=()).n.tolist() == []
