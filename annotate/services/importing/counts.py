"""What every import counts."""

from dataclasses import dataclass


@dataclass(kw_only=True)
class Counts:
    """How many rows were new, how many were there already, and how many are there otherwise.

    `conflict` is above 0 only where faults are gathered: else the first one ends the import.
    """

    new: int = 0
    equal: int = 0
    conflict: int = 0

    def add(self, *, new: int = 0, equal: int = 0, conflict: int = 0) -> None:
        """Count a batch."""
        self.new += new
        self.equal += equal
        self.conflict += conflict

    def __str__(self) -> str:
        told = f"{self.new} new, {self.equal} there already"
        return f"{told}, {self.conflict} in conflict" if self.conflict else told
