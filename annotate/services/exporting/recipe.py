"""What a dataset is made of, and how: the one schema behind the form, the command and the API."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import Discriminator, Field, StringConstraints, Tag, ValidationError, model_validator

from annotate.services.canonical import hash_content
from annotate.services.errors import Fault, RecipeRefused
from annotate.services.plans import Part, Slug
from annotate.services.schema_faults import refused_fields

Form = Literal["dpo", "dpo-standard", "kto", "reward", "ranking", "votes", "arena"]
Method = Literal["majority", "reliability", "strength"]
Voters = Literal["people", "judges", "together"]
Balance = Literal["language", "category", "length"]
Weight = Annotated[float, Field(gt=0, le=1000)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
# Rows of these are votes as they were cast: nothing is chosen among them.
FORMS_OF_VOTES: tuple[Form, ...] = ("votes", "arena")


class RunVotes(Part):
    """Votes of a run.

    `voters` are people (simulated annotators stand for people), LLM judges, or both as one crowd;
    `round` is the number of the only round whose votes count. A recipe without a cut-off takes one
    when it is carried out.
    """

    run: Slug
    voters: Voters = "people"
    round: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    cutoff: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    weight: Weight = 1.0
    max_pairs: Count | None = None

    @property
    def name(self) -> str:
        """Give what its rows are tagged with."""
        voters = "" if self.voters == "people" else f":{self.voters}"
        return f"votes:{self.run}{voters}" + ("" if self.round is None else f":{self.round}")


class ImportedPairs(Part):
    """Pairs of a preference set, as they were imported; the cut-off is the id of the last one."""

    preference_set: Slug
    cutoff: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    weight: Weight = 1.0
    max_pairs: Count | None = None

    @property
    def name(self) -> str:
        """Give what its rows are tagged with."""
        return f"pairs:{self.preference_set}"


def _kind_of(source: Any) -> str:
    if isinstance(source, Mapping):
        return "pairs" if "preference_set" in source else "votes"
    return "pairs" if isinstance(source, ImportedPairs) else "votes"


Source = Annotated[
    Annotated[RunVotes, Tag("votes")] | Annotated[ImportedPairs, Tag("pairs")],
    Discriminator(_kind_of),
]


class Recipe(Part):
    """How a dataset is made.

    Attributes:
        form: what a row is; `PreferenceDataset.Form` says of each what it is for.
        sources: the first is votes of the run that the dataset belongs to.
        method: how votes on two completions become a chosen and a rejected one (docs/exports.md);
            a `ranking` always goes by strength.
        min_votes: decisive votes (not ties, not both bad) that a pair needs.
        margin: by how many of them one must lead; `majority` alone asks.
        min_probability: that the chosen one is the better one; `reliability` and `strength` ask.
        max_pairs_per_prompt: of all sources together, those that are decided most clearly first.
        leave_out_leaked: no completion with more of another language than `LEAKED_ABOVE`.
        leave_out_flagged: no completion that names its maker, or that was reported.
        balance: of what there are to be as many rows of each value; by `length`, rows whose chosen
            reply is the longer one and rows whose rejected reply is.
        near_equal: similarity, above 0 and up to 1, from which two texts count as the same.
        test_share: about how much of the prompts is kept to test on.
        test_annotator_share: about how many annotators never enter the rows to train on.
        seed: of every draw: splits, and what is left out where there is too much.
        base: the candidate of the home run whose prompt format renders `dpo-standard`.
    """

    form: Form = "dpo"
    sources: Annotated[list[Source], Field(min_length=1, max_length=100)]
    method: Method = "majority"
    min_votes: Count = 1
    margin: Count = 1
    min_probability: Annotated[float, Field(gt=0.5, lt=1)] = 0.75
    max_pairs_per_prompt: Count | None = None
    leave_out_leaked: bool = False
    leave_out_flagged: bool = False
    balance: tuple[Balance, ...] = ()
    near_equal: Annotated[float, Field(gt=0, le=1)] | None = None
    test_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    test_annotator_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    base: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _rank_by_strength(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("form") == "ranking":
            return {"method": "strength", **data}
        return data

    @property
    def home(self) -> RunVotes:
        """Give the source whose run the dataset belongs to."""
        source = self.sources[0]
        assert isinstance(source, RunVotes)
        return source

    def to_filters(self) -> dict[str, Any]:
        """Give what a dataset stores: JSON types, every default written out."""
        return self.model_dump(mode="json")

    def sha256(self) -> str:
        """Hash the canonical JSON: the same recipe has the same hash, however written."""
        return hash_content(self.to_filters())


def votes_of(run: str, **fields: Any) -> Recipe:
    """Give the plainest recipe: pairs of a run's votes, as conversations.

    Args:
        fields: of `RunVotes` or of `Recipe`.

    Raises:
        RecipeRefused: with every fault.
    """
    own = {name: fields.pop(name) for name in list(fields) if name in RunVotes.model_fields}
    return read_recipe({"sources": [{"run": run, **own}], **fields})


def read_recipe(data: Mapping[str, Any]) -> Recipe:
    """Read a recipe from a form, a file or the API.

    Raises:
        RecipeRefused: with every fault, and where it stands. Whether runs, sets and candidates of
            these names are there is asked when the recipe is carried out.
    """
    faults = [fault for _loc, fault in refused_fields(Recipe, data)]
    if faults:
        raise RecipeRefused(faults)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:  # pragma: no cover - refused_fields has said it
        raise RecipeRefused([Fault("", str(error))]) from error
    faults = _contradictions(recipe)
    if faults:
        raise RecipeRefused(faults)
    return recipe


def _contradictions(recipe: Recipe) -> list[Fault]:
    """List what the fields cannot mean together."""
    faults: list[Fault] = []
    if not isinstance(recipe.sources[0], RunVotes):
        return [Fault("sources.0", _("The first source must be votes of a run."))]
    names = [source.name for source in recipe.sources]
    for number, source in enumerate(recipe.sources):
        if source.name in names[:number]:
            message = _("%(source)s is named twice.")
            faults.append(Fault(f"sources.{number}", message % {"source": source.name}))
        if isinstance(source, ImportedPairs) and recipe.form in FORMS_OF_VOTES:
            message = _("A preference set has no votes, so it gives no rows of form %(form)s.")
            faults.append(Fault(f"sources.{number}", message % {"form": recipe.form}))
    if recipe.form in FORMS_OF_VOTES:
        faults += _idle_with_votes(recipe)
    if recipe.form == "ranking" and "length" in recipe.balance:
        message = _("A ranking has no chosen reply whose length could be balanced.")
        faults.append(Fault("balance", message))
    if recipe.form == "ranking" and recipe.method != "strength":
        faults.append(Fault("method", _("A ranking orders replies by strength.")))
    if recipe.form == "dpo-standard" and recipe.base is None:
        message = _("Name the candidate whose prompt format renders the texts.")
        faults.append(Fault("base", message))
    if recipe.form != "dpo-standard" and recipe.base is not None:
        message = _("Only form dpo-standard is rendered for a candidate.")
        faults.append(Fault("base", message))
    if len(set(recipe.balance)) < len(recipe.balance):
        faults.append(Fault("balance", _("Each can be named once.")))
    return faults


def _idle_with_votes(recipe: Recipe) -> list[Fault]:
    """List what chooses among pairs, where votes are written as they were cast."""
    message = _("Form %(form)s holds votes as they were cast: nothing is chosen among them.")
    told = {"form": recipe.form}
    fields = ("max_pairs_per_prompt", "leave_out_leaked", "leave_out_flagged", "balance",
              "near_equal")  # fmt: skip
    faults = [Fault(name, message % told) for name in fields if getattr(recipe, name)]
    if recipe.home.max_pairs is not None:
        faults.append(Fault("sources.0.max_pairs", message % told))
    if len(recipe.sources) > 1:
        message = _("Rows of form %(form)s are votes of one run and of whoever cast them there.")
        faults.append(Fault("sources.1", message % told))
    return faults
