# Kurabe's commands. `make demo` and `make test` do all of their own set-up.

PYTHON ?= python3
PORT ?= 8000
# Tests wait for browsers, servers and disks more than they work, so two processes share them. Each
# takes them in their order (--dist load): those that empty the database come after all others.
JOBS ?= 2
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py

.PHONY: help setup demo serve doctor clean-demo test test-slow lint audit messages screenshots
.DEFAULT_GOAL := help

help: ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: .venv/installed ## the virtual environment, its packages, and the database
	@$(MANAGE) migrate --verbosity 0

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Kurabe needs Python 3.11 or later; name one with: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv \
		|| { echo "Python's venv is missing; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing packages into .venv (once; some minutes on a slow line) ..."
	@# torch by itself first, so that pip settles on the pinned build before it looks at the rest.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## the loop once on a tiny model, then the site on http://127.0.0.1:8000 (or PORT=...)
	@$(MANAGE) demo --port $(PORT)

serve: setup ## the site for production: web server and worker (docs/deploy.md)
	@exec $(MANAGE) serve $(if $(filter-out file,$(origin PORT)),--port $(PORT))

doctor: setup ## look at database, queue, disk, GPU, models, e-mail, clock and settings
	@$(MANAGE) doctor

clean-demo: ## remove what `make demo` made
	@if [ -x $(BIN)/python ]; then $(MANAGE) clean_demo; fi

test: setup lint ## unit, real PostgreSQL, real browser, real tiny models
	@$(BIN)/python tests/get_chromium.py
	@$(BIN)/python -m pytest -m "not slow and not gpu" --numprocesses $(JOBS) --dist load

test-slow: setup ## the long ones: kill loops, large imports, real vLLM, Slurm and DeepSpeed
	@$(BIN)/python tests/get_chromium.py
	@$(BIN)/python tests/get_vllm.py
	@$(BIN)/python tests/get_slurm.py
	@$(BIN)/python tests/get_deepspeed.py
	@$(BIN)/python -m pytest -m slow

lint: setup ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

audit: setup ## what is known against the pinned packages (pip-audit, where its database can be reached)
	@$(BIN)/python tests/audit_packages.py

messages: setup ## collect strings for translation, and compile them (needs gettext)
	@$(MANAGE) makemessages --locale ja --no-obsolete --no-wrap --add-location file --ignore '.venv/*' --ignore 'tests/*'
	@$(MANAGE) compilemessages --locale ja --ignore '.venv/*'

screenshots: setup ## the pictures in docs/img
	@$(BIN)/python tests/get_chromium.py
	@$(BIN)/python docs/screenshots.py
