"""Tiny models that judge: their weights are set, not learned, so that what they say is known."""

from __future__ import annotations

from pathlib import Path

from tests.tiny import make_tiny_tokenizer

CONTEXT = 2048
WIDTH, N_HEADS = 32, 4
MARKERS = ("<begin A>", "<end A>", "<begin B>", "<end B>")
LETTERS = ("[[A]]", "[[B]]")
TEMPLATE = """\
name = "marked"
version = 1
use = "pair"
[texts.en]
system = ""
user = "Which is better?\\n{conversation_a}\\n{conversation_b}"
begin = "<begin {letter}> {fence}"
end = "<end {letter}> {fence}"
system_turn = "{fence}"
user_turn = "{fence}"
assistant_turn = "{fence}"
"""
# Places in the hidden state. What varies is a hundredth of the constant, so that layer norms scale
# all states alike; each feature has its negative beside it, so that they shift none.
_CONSTANT, _POSITION, _SCORE = 0, 2, 20
_MARKER, _LETTER = 4, 12
_K = 100.0


def make_judge_model(folder: Path, *, prefers: str, letters: tuple[str, str] = LETTERS) -> Path:
    """Write a GPT-2 of one layer that answers with one of two letters, by a rule.

    `prefers` is "first": always the first; or "longer": that of the conversation with more tokens
    between the markers of `TEMPLATE`. Each of four heads looks at one marker, for its position.
    """
    import torch  # noqa: PLC0415 - tests without a model stay quick
    import transformers  # noqa: PLC0415 - as above

    tokenizer = make_tiny_tokenizer()
    tokenizer.add_tokens([*MARKERS, *letters])
    tokenizer.save_pretrained(folder)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_positions=CONTEXT, n_embd=WIDTH, n_head=N_HEADS, n_layer=1,
        tie_word_embeddings=False, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config).float()
    ids = {text: tokenizer.convert_tokens_to_ids(text) for text in (*MARKERS, *letters)}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for norm in (
            model.transformer.h[0].ln_1,
            model.transformer.h[0].ln_2,
            model.transformer.ln_f,
        ):
            norm.weight.fill_(1)
        _embed(model, ids, letters)
        if prefers == "longer":
            _attend(model)
        _answer(model, ids, letters, end=tokenizer.eos_token_id, prefers=prefers)
    model.save_pretrained(folder)
    return folder


def _pair(weights: object, row: int, place: int, value: float) -> None:
    weights[row, place] = value  # type: ignore[index]
    weights[row, place + 1] = -value  # type: ignore[index]


def _embed(model: object, ids: dict[str, int], letters: tuple[str, str]) -> None:
    tokens, positions = model.transformer.wte.weight, model.transformer.wpe.weight  # type: ignore[attr-defined]
    tokens[:, _CONSTANT], tokens[:, _CONSTANT + 1] = _K, -_K
    for place, marker in enumerate(MARKERS):
        _pair(tokens, ids[marker], _MARKER + 2 * place, 1)
    for place, letter in enumerate(letters):
        _pair(tokens, ids[letter], _LETTER + 2 * place, 1)
    for number in range(CONTEXT):
        _pair(positions, number, _POSITION, number / CONTEXT)


def _attend(model: object) -> None:
    """Add the tokens of A less those of B, as shares of the context, to every state."""
    attention = model.transformer.h[0].attn  # type: ignore[attr-defined]
    head = WIDTH // N_HEADS
    for place, sign in enumerate((-1, 1, 1, -1)):
        first = place * head
        # After the norm the constant is 4, and a feature of 1 is 4 / K: the score is 200.
        attention.c_attn.weight[_CONSTANT, first] = 50 * head**0.5
        attention.c_attn.weight[_MARKER + 2 * place, WIDTH + first] = _K / 4
        attention.c_attn.weight[_POSITION, 2 * WIDTH + first] = _K / 4
        _pair(attention.c_proj.weight, first, _SCORE, sign)


def _answer(
    model: object, ids: dict[str, int], letters: tuple[str, str], *, end: int, prefers: str
) -> None:
    """Say a letter, and after it the end; nothing else."""
    logits = model.lm_head.weight  # type: ignore[attr-defined]
    logits[:, _CONSTANT] = -1e6 / 4
    for letter, sign in zip(letters, (1, -1), strict=True):
        logits[ids[letter], _CONSTANT] = sign if prefers == "first" else 0
        logits[ids[letter], _SCORE] = sign * 1e4 * _K / 4
    for place in range(len(letters)):
        logits[end, _LETTER + 2 * place] = 3e6 * _K / 4
