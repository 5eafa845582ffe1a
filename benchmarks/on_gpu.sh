#!/usr/bin/env bash
# The DPO benchmark on a GPU machine without network, in under 10 minutes.
#
#   benchmarks/on_gpu.sh collect FOLDER [3.12]   here: fetch wheels for that Python into FOLDER
#   benchmarks/on_gpu.sh run FOLDER [OPTION...]  there: install them beside the machine's own torch
#
# Torch is the machine's own (2.9 or later): its wheels are gigabytes. What the machine has of the
# rest is taken from FOLDER all the same, since versions of TRL and transformers have to fit.
# Options go to `python -m benchmarks.dpo`; the results are printed and kept in FOLDER/dpo.json.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGES=(
    accelerate anyio certifi click datasets dill filelock fsspec h11 hf-xet httpcore httpcore2 httpx
    httpx2 huggingface_hub idna Jinja2 MarkupSafe multiprocess numpy packaging pandas peft psutil
    pyarrow python-dateutil PyYAML regex rich safetensors sentencepiece shellingham tokenizers tqdm
    transformers trl truststore typer typing_extensions xxhash markdown-it-py mdurl Pygments
    annotated-doc tensorboard tensorboard-data-server absl-py grpcio Markdown protobuf Werkzeug
    pillow six
)

collect() {
    local folder=$1 python=${2:-3.12}
    mkdir -p "$folder"
    python3 -m pip download --quiet --dest "$folder" --no-deps --only-binary=:all: \
        --python-version "$python" --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform any \
        --constraint constraints.txt "${PACKAGES[@]}"
    du -sh "$folder"
}

run() {
    local folder=$1
    shift
    home=$(mktemp -d) # not local: the trap runs when the function is left already
    trap 'rm -rf "$home"' EXIT
    "${PYTHON:-python3}" -m venv --system-site-packages "$home"
    "$home/bin/python" -m pip install --quiet --no-index --no-deps --find-links "$folder" "$folder"/*.whl
    HF_HUB_OFFLINE=1 "$home/bin/python" -m benchmarks.dpo --shapes 0.5b 1.5b 8b --minutes 9 --rounds 1 \
        --lengths ultrafeedback long-prompt --batches 8 16 --json "$folder/dpo.json" "$@"
}

case "${1:-}" in
    collect) collect "${@:2}" ;;
    run) run "${@:2}" ;;
    *) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
