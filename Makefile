# Lockstep's front door. `make` shows what there is; ARGS="…" is handed on.
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
BENCH := $(VENV)/.installed-bench

.DEFAULT_GOAL := help
.PHONY: help setup run test check lint types imports migrations goldens bench chaos drill reset format

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(RUNTIME) ## Install into .venv/ what Lockstep needs (Python 3.11 to 3.13 is all it takes)

run: $(RUNTIME) ## Run everything in the foreground (PORT=8000); Ctrl-C stops it
	@exec $(BIN)/python manage.py up --port $(PORT) $(ARGS)

test: $(DEV) ## Run the tests, on PostgreSQL and Redis of their own
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: lint types imports migrations test ## What CI runs

lint: $(DEV) ## Style, and the things that go wrong
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV) ## mypy, strict
	@$(BIN)/mypy

imports: $(DEV) ## Who may import whom
	@$(BIN)/lint-imports

migrations: $(DEV) ## No model without its migration
	@$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

goldens: $(DEV) ## Release the events as they are declared now
	@$(BIN)/python -m tests.contracts.write $(ARGS)

bench: $(BENCH) ## Measure, beside the limit and the peers
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: $(DEV) ## Break things, long and seeded (CHAOS_SECONDS=300, CHAOS_SEED=…)
	@CHAOS_SECONDS=$${CHAOS_SECONDS:-300} $(BIN)/python -m pytest tests/chaos tests/events/test_model.py $(ARGS)

drill: $(RUNTIME) ## Back up what runs, restore it elsewhere, prove that it is whole
	@$(BIN)/python manage.py drill $(ARGS)

reset: ## Stop what runs here and forget all its data
	@if [ -e $(RUNTIME) ]; then \
		$(BIN)/python manage.py up --stop && \
		$(BIN)/python manage.py services erase && \
		LOCKSTEP_VAR=var/test $(BIN)/python manage.py services erase; \
	fi
	rm -rf "$${LOCKSTEP_VAR:-var}"

format: $(DEV) ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# --- installing -----------------------------------------------------------------------------------
# Each set of requirements has a stamp, so nothing is installed again until its file changes.

# uv takes seconds where pip takes minutes; where it cannot be had, pip does it. Compiled now, or the
# first `make run` would do it, in every process at once.
define install
	@echo "installing $(1) into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true
	@VIRTUAL_ENV=$(VENV) $(BIN)/python -m uv pip install --quiet --compile-bytecode -r $(1) \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1)
	@touch $@
endef

$(RUNTIME): requirements.txt | $(BIN)/python
	$(call install,requirements.txt)

$(DEV): requirements-dev.txt requirements.txt | $(BIN)/python
	$(call install,requirements-dev.txt)
	@touch $(RUNTIME)

$(BENCH): $(wildcard requirements-bench.txt) $(DEV)
	$(call install,requirements-bench.txt)

# The first Python that fits and can make a virtual environment (Debian's may lack python3-venv).
$(BIN)/python:
	@for python in python3.13 python3.12 python3.11 python3 python; do \
		$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
		rm -rf $(VENV); \
		$$python -m venv $(VENV) && exit 0; \
	done; \
	rm -rf $(VENV); echo "Python 3.11, 3.12 or 3.13 is needed, with its venv module" >&2; exit 1
