"""What the settings of a training are called, and what each of them does, for whoever sets it."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Words:
    """A setting's name on a page, and a hint that says what it does and what is usual."""

    label: Promise | str
    hint: Promise | str = ""


# By the fields of `training.DpoRun`, in the order of a page: first those that most trainings set.
WORDS: dict[str, Words] = {
    "epochs": Words(_("Epochs"), _("Passes over the pairs. 1 to 3 are usual.")),
    "learning_rate": Words(
        _("Learning rate"),
        _("Larger models take a smaller one: 5e-7 fits 8 B with 100,000 pairs, 5e-6 to 5e-5 LoRA"
          " with a few hundred."),
    ),
    "beta": Words(
        _("Beta"), _("A small one goes far from the model that it began with. 0.1 is usual.")
    ),
    "batch_size": Words(_("Pairs in a batch"), _("On each process, and before accumulation.")),
    "gradient_accumulation": Words(
        _("Batches of a step"), _("A step learns from so many batches together.")
    ),
    "max_length": Words(
        _("Tokens of prompt and reply, at most"),
        _("Longer replies are cut. Pairs whose prompt alone is longer are left out, and counted."),
    ),
    "lora_rank": Words(
        _("LoRA rank"),
        _("Trains small matrices beside the model’s own, which stay. 16 is usual; empty: every"
          " weight is trained."),
    ),
    "eval_share": Words(
        _("Share of the prompts to evaluate on"),
        _("From 0 to 0.5. Their pairs are not trained on."),
    ),
    "seed": Words(_("Seed"), _("Of the order of the pairs, and of all that is drawn.")),
    "loss_type": Words(
        _("Losses"),
        _("TRL’s, by name. sigmoid is DPO’s own; sft beside it keeps chosen replies likely; robust"
          " reckons with wrong votes."),
    ),
    "loss_weights": Words(_("Weights of the losses"), _("One for each, such as 1, 0.5.")),
    "label_smoothing": Words(
        _("Share of wrong labels"),
        _("From 0 to below 0.5. Empty: none, and for robust what the votes themselves imply."),
    ),
    "weight_by": Words(
        _("Weigh pairs by"), _("By how far, or how much in agreement, the voters were.")
    ),
    "optimizer": Words(_("Optimizer"), _("As transformers names it.")),
    "scheduler": Words(_("Course of the learning rate"), _("As transformers names it.")),
    "warmup_ratio": Words(
        _("Share of steps that warm up"), _("In which the learning rate rises from 0.")
    ),
    "weight_decay": Words(_("Weight decay")),
    "max_grad_norm": Words(
        _("Largest gradient norm"), _("Longer gradients are cut to this length.")
    ),
    "neftune_alpha": Words(
        _("Noise on the embeddings"), _("NEFTune’s alpha. 5 is usual; empty: none.")
    ),
    "lora_alpha": Words(_("LoRA alpha"), _("The adapter is scaled by alpha / rank.")),
    "lora_dropout": Words(_("LoRA dropout"), _("From 0 to below 1.")),
    "merge_adapter": Words(
        _("Write whole weights, not an adapter alone"), _("Every engine reads those.")
    ),
    "lisa_layers": Words(
        _("LISA: layers trained at once"),
        _("Drawn anew every few steps, which saves memory. Empty: all layers."),
    ),
    "lisa_every": Words(_("LISA: steps between draws"), _("13 were used for Swallow-MoE-LISA.")),
    "lisa_embeddings": Words(_("LISA: train embeddings and head, too")),
    "router_loss": Words(
        _("Weight of the router’s loss"),
        _("Of a mixture of experts. Empty: as the model has it."),
    ),
    "dtype": Words(
        _("Numbers"),
        _("auto: 32 bits on CPU; on CUDA weights of 32 bits and arithmetic of 16. bfloat16 keeps"
          " weights in 16 bits, too."),
    ),
    "layout": Words(
        _("Layout of batches"),
        _("packed reads a prompt once for both replies; auto does where that is known to be"
          " exact."),
    ),
    "checkpointing": Words(
        _("Compute activations twice to save memory"), _("auto measures whether it must.")
    ),
    "processes": Words(_("Processes"), _("GPUs that train together.")),
    "sharding": Words(
        _("How several processes share the model"),
        _("ddp: each has all of it; fsdp: each has a part."),
    ),
    "deepspeed_config": Words(
        _("File of DeepSpeed’s settings"), _("On the machine that trains; for deepspeed alone.")
    ),
    "log_every": Words(_("Steps between measurements")),
    "checkpoint_every": Words(
        _("Steps between checkpoints"),
        _("From which a training that was killed goes on. Empty: only when it is stopped."),
    ),
    "evaluate_every": Words(
        _("Steps between evaluations"), _("Empty: once, at the end.")
    ),
    "eval_pairs": Words(
        _("File of pairs to evaluate on"), _("JSONL on the machine that trains.")
    ),
    "tensorboard": Words(
        _("Folder for TensorBoard"), _("On the machine that trains. Empty: none.")
    ),
}  # fmt: skip

# Why the trainer leaves pairs out.
DROPPED: dict[str, Promise] = {
    "prompt_fills_max_length": _("the prompt alone is as long as a pair may be"),
    "replies_are_equal_when_cut": _("both replies are the same when they are cut"),
    "prompt_has_no_token": _("the prompt has no token"),
}

# By the names of `training.presets`; docs/training.md says where their numbers come from.
PRESETS: dict[str, Words] = {
    "shisa": Words(
        _("Shisa, by the model’s size"),
        _("Every weight, for some 100,000 pairs. With few pairs it moves a model hardly at all."),
    ),
    "shisa-qwen3-8b": Words(_("Shisa, Qwen3 8B"), _("As this very model was trained.")),
    "shisa-llama3.1-8b": Words(_("Shisa, Llama 3.1 8B"), _("As this very model was trained.")),
    "shisa-7b": Words(_("Shisa, shisa-7b-v1 and v2.1"), _("As this very model was trained.")),
    "shisa-unphi4-14b": Words(_("Shisa, unphi4 14B"), _("As this very model was trained.")),
    "shisa-llama3.3-70b": Words(_("Shisa, Llama 3.3 70B"), _("As this very model was trained.")),
    "shisa-lfm2-1.2b": Words(_("Shisa, LFM2 1.2B"), _("As this very model was trained.")),
    "lora-few-pairs": Words(
        _("A few hundred human pairs, with LoRA"),
        _("A small adapter bears the larger learning rate that so few pairs need."),
    ),
    "tiny-cpu": Words(_("A tiny model, on a CPU"), _("As the demo trains.")),
}

# What the trainer says would be right in a field's place, as `training.config` writes it.
RIGHT: dict[str, Promise] = {
    "a number above 0": _("a number above 0 is right"),
    "a number of 0 or more": _("a number of 0 or more is right"),
    "0 or more": _("a number of 0 or more is right"),
    "2 tokens or more": _("2 tokens or more are right"),
    "0 <= share < 1": _("a share from 0 to below 1 is right"),
    "0 <= share < 0.5": _("a share from 0 to below 0.5 is right"),
    "0 <= share <= 0.5": _("a share from 0 to 0.5 is right"),
    "one loss or more": _("one loss or more is right"),
    "finite weights, not all 0": _("weights that are not all 0 are right"),
    "a share above 0 with the loss exo_pair": _("the loss exo_pair needs a share above 0"),
    "none with a loss that sorts pairs (aot, aot_unpaired)": _(
        "pairs cannot be weighed with a loss that sorts them (aot, aot_unpaired)"
    ),
    "none with lora_rank: LISA trains whole layers": _(
        "LISA trains whole layers, and goes with no LoRA rank"
    ),
    "0 where eval_pairs names a file": _(
        "0 is right where a file of pairs to evaluate on is named"
    ),
    "a path with sharding 'deepspeed', and none without": _(
        "a file is right with deepspeed, and none without"
    ),
    "none with sharding 'fsdp' or 'deepspeed', which keep layers elsewhere": _(
        "LISA goes with ddp alone: fsdp and deepspeed keep layers elsewhere"
    ),
    "a JSON number": _("a number is right"),
    "a JSON whole number": _("a whole number is right"),
    "a JSON true or false": _("true or false is right"),
    "a JSON string": _("a text is right"),
    "a list": _("a list is right"),
}
RIGHT_BEGINS: dict[str, Promise] = {
    "one of ": _("one of these is right: %(rest)s"),
    "one weight for each of ": _("one weight for each of these is right: %(rest)s"),
}
