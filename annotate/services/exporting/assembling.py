"""A recipe carried out: the rows of each part of a dataset, and what is counted on the way."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import Count, Q

from annotate.models import Annotator, Prompt
from annotate.ranking.arrays import IntArray
from annotate.services.exporting.across import without_repeated
from annotate.services.exporting.ballots import counted_votes
from annotate.services.exporting.choosing import Counted, count_ballots, propose_pairs
from annotate.services.exporting.figures import Figures
from annotate.services.exporting.forms import FORMS
from annotate.services.exporting.imported import read_imported
from annotate.services.exporting.limits import Offered, has_limits, keep_within_limits
from annotate.services.exporting.portions import Portion, Row, longer_side
from annotate.services.exporting.ranked import rank_replies
from annotate.services.exporting.recipe import FORMS_OF_VOTES, RunVotes, Source
from annotate.services.exporting.resolving import Resolved
from annotate.services.exporting.rows import Split
from annotate.services.exporting.skimming import Skimmed
from annotate.services.exporting.splits import Splits, identify
from annotate.services.exporting.voted import VotedPairs
from annotate.services.exporting.votes import SplitOf, rows_of_votes, vote_schema
from annotate.services.memory import give_back_memory


class Assembly:
    """What a recipe's rows are made of, held as columns; texts are read as rows are asked for."""

    def __init__(self, resolved: Resolved) -> None:
        """Read and count the votes, and find the imported pairs.

        Raises:
            ExportRefused: strengths or reliabilities cannot be fitted to the votes.
        """
        self.resolved, self.recipe = resolved, resolved.recipe
        self.figures = Figures()
        self._splits = Splits(self.recipe)
        self._parts: dict[Split, list[Portion]] = {"train": []}
        if self.recipe.test_share > 0:
            self._parts["test"] = []
        if self.recipe.form in FORMS_OF_VOTES:
            self._count_votes()
            return
        for source in self.recipe.sources:
            for split, portion in self._read(source).items():
                self._parts[split].append(portion)
        self._kept = {split: self._choose(portions) for split, portions in self._parts.items()}
        give_back_memory()  # of the votes, before there are texts

    @property
    def splits(self) -> list[Split]:
        """The parts that have a file; votes on held-out prompts are kept to test on."""
        if self.recipe.form in FORMS_OF_VOTES:
            return ["train", "test"] if self._tested else ["train"]
        return list(self._parts)

    @property
    def n_rows(self) -> int:
        """About how many rows there will be, in both parts together."""
        if self.recipe.form in FORMS_OF_VOTES:
            return int(self.figures.votes.total())
        return sum(len(places) for kept in self._kept.values() for places in kept)

    def rows(self, split: Split) -> Iterator[Row]:
        """Yield the rows of a part in the form of the recipe."""
        if self.recipe.form in FORMS_OF_VOTES:
            votes = counted_votes(self.resolved.home, self.recipe.home)
            for part, row in rows_of_votes(votes, self.recipe.form, self._split_of):
                if part == split:
                    self._note_votes(split, 1)
                    yield row
            return
        form = FORMS[self.recipe.form]
        tagged = ((split, row) for row in self.pair_rows(split))
        for _split, row in form.rows(tagged, base=self.resolved.base):
            yield row

    def schema(self) -> Any:
        """Give the columns, as Parquet and CSV need them."""
        return schema_of(self.recipe.form)

    def pair_rows(self, split: Split) -> Iterator[Row]:
        """Yield the pairs or rankings of a part, source by source."""
        figures = self.figures
        for portion, places in zip(self._parts[split], self._kept[split], strict=True):
            for _place, row in portion.rows(places):
                figures.add_row(split, row)
                yield row

    def look(self, split: Split, n_examples: int) -> list[Row]:
        """Note all pairs or rankings of a part, and give the first; texts are read where needed."""
        examples: list[Row] = []
        for portion, places in zip(self._parts[split], self._kept[split], strict=True):
            wanted = n_examples - len(examples)
            skimmed = portion.skim(places)
            if skimmed is None:
                for _place, row in portion.rows(places):
                    self.figures.add_row(split, row)
                    if len(examples) < n_examples:
                        examples.append(row)
            else:
                self.figures.add_skimmed(split, skimmed)
                examples += [row for _place, row in portion.rows(skimmed.places[:wanted])]
        return examples

    def count(self) -> dict[str, Any]:
        """Give the figures of the rows that were yielded."""
        figures = self.figures
        figures.left_out.clear()
        for portions in self._parts.values():
            for portion in portions:
                figures.left_out.update(portion.left_out)
        return figures.to_counts(self.recipe)

    def foretell_votes(self) -> None:
        """Note how many rows of votes each part will have, without reading them."""
        votes = counted_votes(self.resolved.home, self.recipe.home)
        tested = votes.filter(comparison__prompt__in=self._tested)
        if self.recipe.test_annotator_share > 0:
            tested = tested.filter(comparison__annotator__in=self._apart)
        n_tested = tested.count()
        n_trained = self.figures.votes.total() - n_tested - self.figures.set_aside
        self._note_votes("train", n_trained)
        self._note_votes("test", n_tested)

    def _note_votes(self, split: Split, n: int) -> None:
        self.figures.rows[split] += n
        if split == "train":
            self.figures.sources[self.recipe.home.name] += n

    def _read(self, source: Source) -> Mapping[Split, Portion]:
        if isinstance(source, RunVotes):
            return self._voted(source)
        return read_imported(
            preferences=self.resolved.sets[source.preference_set],
            source=source,
            recipe=self.recipe,
            splits=self._splits,
        )

    def _voted(self, source: RunVotes) -> dict[Split, Portion]:
        run = self.resolved.runs[source.run]
        candidates = dict(run.candidates.values_list("pk", "name"))
        parts = count_ballots(run=run, source=source, recipe=self.recipe, splits=self._splits)
        self._note(parts)
        portions: dict[Split, Portion] = {}
        for split, counted in parts.items():
            if self.recipe.form == "ranking":
                portions[split] = rank_replies(source, self.recipe, counted, candidates)
            else:
                portions[split] = VotedPairs(
                    name=source.name,
                    run=source.run,
                    weight=source.weight,
                    near_equal=self.recipe.near_equal,
                    texts=counted.ballots.texts,
                    proposals=propose_pairs(counted, self.recipe),
                    candidates=candidates,
                    left_out=counted.left_out,
                )
        return portions

    def _note(self, parts: dict[Split, Counted]) -> None:
        self.figures.add_votes(parts["train"])
        self.figures.unmeasured += sum(counted.unmeasured for counted in parts.values())

    def _choose(self, portions: list[Portion]) -> list[IntArray]:
        """Give the places of the rows of each portion that stay."""
        every = [np.arange(len(portion.identity)) for portion in portions]
        near_equal = self.recipe.near_equal
        if near_equal is not None and len(portions) > 1 and self.recipe.form != "ranking":
            every = without_repeated(portions, every, near_equal=near_equal)
        if not has_limits(self.recipe):
            return every
        offered = self._offer(portions, every)
        kept = keep_within_limits(offered, self.recipe, lambda n: portions[n].left_out)
        return [offered.place[kept & (offered.source == n)] for n in range(len(portions))]

    def _offer(self, portions: list[Portion], every: list[IntArray]) -> Offered:
        """See of every row whether its texts allow it, and what is to be balanced."""
        cells: dict[tuple[str, ...], int] = {}
        balance = self.recipe.balance
        offered = [
            _offer_skimmed(n, skimmed, cells, balance)
            if (skimmed := portion.skim(places)) is not None
            else _offer_rows(n, portion.rows(places), cells, balance)
            for n, (portion, places) in enumerate(zip(portions, every, strict=True))
        ]
        source, place, cell, longer = np.concatenate(offered, axis=1)
        columns = {
            name: np.concatenate([
                getattr(portion, name)[place[source == n]] for n, portion in enumerate(portions)
            ])
            for name in ("identity", "key", "sureness", "n_votes")
        }  # fmt: skip
        return Offered(source=source, place=place, cell=cell, longer=longer, **columns)

    def _count_votes(self) -> None:
        """Count votes as they are to be written, and say where each goes."""
        source, run = self.recipe.home, self.resolved.home
        votes = counted_votes(run, source).order_by()
        kinds = votes.values_list("comparison__annotator__kind").annotate(n=Count("pk"))
        self.figures.votes.update(dict(kinds))
        for side in ("a", "b"):
            names = votes.values_list(f"comparison__candidate_{side}__name", flat=True)
            self.figures.writers.update((run.slug, name) for name in names.distinct())
        annotators = Annotator.objects.filter(
            pk__in=votes.values("comparison__annotator").distinct()
        ).order_by("pk")
        known = list(annotators.values_list("pk", "kind", "pseudonym"))
        self.figures.annotators.update(kind for _pk, kind, _pseudonym in known)
        self._split_of = self._splitter(
            known, set(votes.values_list("comparison__prompt", flat=True).distinct())
        )
        of_tested = Q(comparison__prompt__in=self._tested)
        if self.recipe.test_annotator_share > 0:
            of_apart = Q(comparison__annotator__in=self._apart)
            self.figures.set_aside = votes.filter(of_tested ^ of_apart).count()

    def _splitter(self, annotators: list[tuple[int, str, str]], prompts: set[int]) -> SplitOf:
        """Say where a vote goes, by the ids of its prompt and annotator."""
        asked = list(
            Prompt.objects.filter(pk__in=prompts).values_list("pk", "turns__0").order_by("pk")
        )
        identity = np.array([identify(turn) for _pk, turn in asked], dtype=np.int64)
        is_test = self._splits.is_held_out(identity) | self._splits.is_test(identity)
        drawn = self._splits.is_test_annotator(pseudonym for _pk, _kind, pseudonym in annotators)
        tested = {pk for (pk, _turn), test in zip(asked, is_test.tolist(), strict=True) if test}
        apart = {pk for (pk, _k, _p), out in zip(annotators, drawn.tolist(), strict=True) if out}
        by_annotator = self.recipe.test_annotator_share > 0
        self._tested, self._apart = tested, apart

        def split_of(prompt: int, annotator: int) -> Split | None:
            if by_annotator and (prompt in tested) != (annotator in apart):
                return None
            return "test" if prompt in tested else "train"

        return split_of


def _offer_rows(
    number: int,
    rows: Iterator[tuple[int, Row]],
    cells: dict[tuple[str, ...], int],
    balance: Sequence[str],
) -> IntArray:
    """Return (4, rows) source, place, cell and longer side; cells are numbered as they come."""
    named = [name for name in ("language", "category") if name in balance]
    found = [
        (
            number,
            at,
            cells.setdefault(tuple(row[name] for name in named), len(cells)),
            longer_side(row) if "length" in balance else 0,
        )
        for at, row in rows
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 4).T


def _offer_skimmed(
    number: int, rows: Skimmed, cells: dict[tuple[str, ...], int], balance: Sequence[str]
) -> IntArray:
    """Return the same of rows whose texts nobody read."""
    cell_of = np.zeros(len(rows.prompts.ids), dtype=np.int64)
    for prompt in np.unique(rows.prompt).tolist():
        _set, _key, language, category = rows.prompts.places[prompt]
        told = {"language": language, "category": category}
        named = tuple(value for name, value in told.items() if name in balance)
        cell_of[prompt] = cells.setdefault(named, len(cells))
    longer = rows.longer if "length" in balance else np.zeros_like(rows.longer)
    source = np.full(len(rows.places), number)
    return np.stack([source, rows.places, cell_of[rows.prompt], longer])


def schema_of(form: str) -> Any:
    """Give the columns of a form, as Parquet and CSV need them."""
    return vote_schema(form) if form in FORMS_OF_VOTES else FORMS[form].schema()
