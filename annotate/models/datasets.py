"""What was exported: files with a lineage, and the work that makes them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from annotate.models.checks import append_only, choice_check, not_blank
from annotate.models.preferences import PreferenceSet
from annotate.models.runs import SelectionRun

# What a page serves as a dataset can be nothing else that lies under KURABE_HOME.
IN_ITS_FOLDER = models.Q(path__regex=r"^datasets/[^/]+$")
IS_SHA256 = models.Q(sha256__regex=r"^[0-9a-f]{64}$")


class DatasetForm(models.TextChoices):
    """What a row of a dataset is."""

    DPO = "dpo", _("pairs as conversations (TRL)")
    DPO_STANDARD = "dpo-standard", _("pairs as texts, in the prompt format of a candidate")
    KTO = "kto", _("single replies, wanted or not (KTO)")
    REWARD = "reward", _("pairs of whole conversations, for reward models")
    RANKING = "ranking", _("all replies to a prompt, in order")
    VOTES = "votes", _("votes, one a row")
    ARENA = "arena", _("votes in LMArena’s columns")


class Split(models.TextChoices):
    """Which part of a dataset a file holds; a prompt is in one of them alone."""

    TRAIN = "train", _("to train on")
    TEST = "test", _("to test on")


class PreferenceDataset(models.Model):
    """An immutable export, and how to make the same bytes again.

    `path`, `sha256` and `n_pairs` are those of the JSONL to train on; what is there beside it (rows
    to test on, other kinds of file) is a `DatasetFile`.
    """

    Form = DatasetForm
    Split = Split

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="datasets")
    cutoff = models.BigIntegerField(
        help_text=_("Number in the vote ledger up to which the run's votes count.")
    )
    form = models.CharField(
        max_length=16,
        choices=DatasetForm.choices,
        default=DatasetForm.DPO,
        db_default=DatasetForm.DPO,
    )
    filters = models.JSONField(
        help_text=_("How votes became rows: with the cut-offs, all that is needed to do it again.")
    )
    counts = models.JSONField(help_text=_("Rows, and what was left out and why."))
    n_pairs = models.PositiveIntegerField(help_text=_("Rows to train on."))
    path = models.CharField(max_length=500, help_text=_("Under KURABE_HOME."))
    sha256 = models.CharField(max_length=64)
    card = models.TextField(
        blank=True, default="", db_default="", help_text=_("Its README.md, as hubs read it.")
    )
    licence = models.CharField(
        max_length=1000,
        blank=True,
        default="",
        db_default="",
        help_text=_("Under which its texts stand; several that hold together are joined by AND."),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="dataset_path_in_its_folder", condition=IN_ITS_FOLDER),
            models.CheckConstraint(name="dataset_sha256_whole", condition=IS_SHA256),
            choice_check("dataset", "form", DatasetForm),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.run} dataset {self.pk}"


class DatasetSource(models.Model):
    """A part of what a dataset was made of: votes of a run, or imported pairs. Never changed."""

    dataset = models.ForeignKey(PreferenceDataset, on_delete=models.PROTECT, related_name="sources")
    name = models.CharField(max_length=200, help_text=_("What its rows are tagged with."))
    run = models.ForeignKey(
        SelectionRun, null=True, blank=True, on_delete=models.PROTECT, related_name="dataset_uses"
    )
    cutoff = models.BigIntegerField(
        null=True,
        blank=True,
        help_text=_("Number in the vote ledger up to which votes count, or of the last pair."),
    )
    voters = models.CharField(
        max_length=16, blank=True, default="", help_text=_("people, judges, or together")
    )
    round_number = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Of the only round whose votes count; empty: all.")
    )
    preference_set = models.ForeignKey(
        PreferenceSet, null=True, blank=True, on_delete=models.PROTECT, related_name="dataset_uses"
    )
    weight = models.FloatField(default=1, help_text=_("Of each of its rows in training."))
    n_rows = models.PositiveIntegerField(help_text=_("Its rows to train on."))

    class Meta:
        ordering = ["dataset", "id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="source_name_unique"),
            not_blank("source", "name"),
            models.CheckConstraint(
                name="source_is_votes_or_pairs",
                condition=models.Q(
                    run__isnull=False,
                    cutoff__isnull=False,
                    voters__in=["people", "judges", "together"],
                    preference_set__isnull=True,
                )
                | models.Q(
                    run__isnull=True,
                    round_number__isnull=True,
                    voters="",
                    preference_set__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="source_weight_not_negative", condition=models.Q(weight__gte=0)
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.name


class DatasetFile(models.Model):
    """A dataset's rows in one more file: to test on, or of another kind. Never changed."""

    dataset = models.ForeignKey(PreferenceDataset, on_delete=models.PROTECT, related_name="files")
    split = models.CharField(max_length=8, choices=Split.choices)
    ending = models.CharField(max_length=16, help_text=_("Of its name: .jsonl, .parquet, .csv …"))
    path = models.CharField(max_length=500, help_text=_("Under KURABE_HOME."))
    sha256 = models.CharField(max_length=64)
    n_rows = models.PositiveIntegerField()
    n_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["dataset", "split", "ending"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "split", "ending"], name="dataset_file_unique"
            ),
            models.CheckConstraint(name="dataset_file_in_its_folder", condition=IN_ITS_FOLDER),
            models.CheckConstraint(name="dataset_file_sha256_whole", condition=IS_SHA256),
            choice_check("dataset_file", "split", Split),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.path


class ExportState(models.TextChoices):
    """How far an export has come."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    FINISHED = "finished", _("finished")
    FAILED = "failed", _("failed")


class Export(models.Model):
    """The work of making a dataset: asked for on a page or by the API, done by a worker."""

    State = ExportState

    run = models.ForeignKey(SelectionRun, on_delete=models.PROTECT, related_name="exports")
    recipe = models.JSONField(help_text=_("What was asked for."))
    ending = models.CharField(max_length=16, default=".jsonl", help_text=_("Of the file wanted."))
    state = models.CharField(max_length=16, choices=ExportState.choices, default=ExportState.QUEUED)
    n_done = models.PositiveIntegerField(default=0, help_text=_("Rows written so far."))
    n_total = models.PositiveIntegerField(null=True, blank=True, help_text=_("About how many."))
    failure = models.TextField(blank=True, default="")
    left_out = models.JSONField(
        null=True,
        blank=True,
        help_text=_("Pairs by reason, where none was left; empty: it did not fail for that."),
    )
    dataset = models.ForeignKey(
        PreferenceDataset, null=True, blank=True, on_delete=models.PROTECT, related_name="exports"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            choice_check("export", "state", ExportState),
            models.CheckConstraint(
                name="export_failure_said",
                condition=models.Q(state=ExportState.FAILED) & ~models.Q(failure="")
                | ~models.Q(state=ExportState.FAILED) & models.Q(failure=""),
            ),
            models.CheckConstraint(
                name="export_finished_has_a_dataset",
                condition=~models.Q(state=ExportState.FINISHED) | models.Q(dataset__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} export {self.pk}"
