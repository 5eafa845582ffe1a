"""What a process keeps of the database stays bounded, and what was used last stays longest."""

import numpy as np

from annotate.services.memory import Recent
from annotate.services.texts import Meetings


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


def test_meetings_add_up_by_pair_of_completions() -> None:
    meetings = Meetings(0, (), 0, np.zeros(0, dtype=np.complex128), np.zeros(0, dtype=np.int64))
    asked = np.array([1 + 7j, 2 + 5j, 7 + 1j, 9 + 9j])
    assert meetings.of(asked).tolist() == [0, 0, 0, 0]
    meetings = meetings.add(np.array([2 + 5j, 1 + 7j, 2 + 5j]), through=3, open_=(2,))
    meetings = meetings.add(np.array([9 + 9j, 2 + 5j]), through=8, open_=())
    assert meetings.of(asked).tolist() == [1, 3, 0, 1]
    assert (meetings.through, meetings.open) == (8, ())
