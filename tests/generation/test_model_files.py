"""Only safetensors are read, no code of a model runs, and templates of models are fenced in."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from annotate.generation.engines.model_files import check_folder
from annotate.generation.formats import render_prompt
from annotate.generation.rows import JobError
from training.tokenizing import load_tokenizer

MESSAGES = [{"role": "user", "content": "Hello"}]


def make_folder(folder: Path, *names: str) -> str:
    folder.mkdir()
    for name in ("config.json", *names):
        (folder / name).write_text("{}")
    return str(folder)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "last.ckpt", "weights.pkl"]
)
def test_folder_of_pickles_alone_is_refused_with_what_is_right(name: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=f"{name} is a pickle.*save the model as .*safetensors"):
        check_folder(make_folder(tmp_path / "m", name))


def test_pickle_beside_safetensors_is_passed_by(tmp_path: Path) -> None:
    check_folder(make_folder(tmp_path / "m", "training_args.bin", "model.safetensors"))


def test_folder_without_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"no \*\.safetensors file"):
        check_folder(make_folder(tmp_path / "m"))


class Bomb:
    """Writes a file as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (self.path, "it ran")


def test_transformers_reads_no_pickle_where_safetensors_are_asked_for(
    tiny_model: Path, tmp_path: Path
) -> None:
    """What the engines and the trainer tell it is enough, whatever a hub's folder holds."""
    import transformers  # noqa: PLC0415 - heavy

    proof, folder = tmp_path / "proof", tmp_path / "m"
    folder.mkdir()
    (folder / "config.json").write_bytes((tiny_model / "config.json").read_bytes())
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(proof)))
    with pytest.raises(OSError, match="safetensors"):
        transformers.AutoModelForCausalLM.from_pretrained(
            str(folder), use_safetensors=True, trust_remote_code=False
        )
    assert not proof.exists()


def test_code_that_comes_with_a_model_is_not_run(tiny_model: Path, tmp_path: Path) -> None:
    import transformers  # noqa: PLC0415 - heavy

    proof, folder = tmp_path / "proof", tmp_path / "m"
    folder.mkdir()
    config = json.loads((tiny_model / "config.json").read_text())
    config |= {"model_type": "its-own", "auto_map": {"AutoConfig": "code.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(
        f"open({str(proof)!r}, 'w').write('it ran')\nclass Config: pass"
    )
    with pytest.raises(ValueError, match="trust_remote_code"):
        transformers.AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    assert not proof.exists()


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% set _ = messages.append({}) %}",
        "{{ self.__init__.__globals__.__builtins__ }}",
    ],
)
def test_chat_template_reaches_nothing_but_the_messages(template: str, tiny_model: Path) -> None:
    tokenizer = load_tokenizer(model=str(tiny_model))
    tokenizer.chat_template = template
    with pytest.raises(ValueError, match="chat template refused"):
        render_prompt(format="chat_template", messages=MESSAGES, tokenizer=tokenizer)


def test_chat_template_cannot_fill_the_memory(tiny_model: Path) -> None:
    """The sandbox counts the steps of a range."""
    tokenizer = load_tokenizer(model=str(tiny_model))
    tokenizer.chat_template = "{% for i in range(10**9) %}{{ i }}{% endfor %}"
    with pytest.raises(ValueError, match="chat template refused the messages: Range too big"):
        render_prompt(format="chat_template", messages=MESSAGES, tokenizer=tokenizer)
