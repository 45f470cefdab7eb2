# Everything a developer types. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
UV := $(BIN)/python requirements/uv.py
ARGS ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/installed .venv/stack-installed .venv/engine-compiled ## Install everything into .venv (a second run finds nothing to do)

.venv/bin/uv:
	@python=; for candidate in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo 'Python 3.11 or newer is needed: install it, or name it with make setup PYTHON=…' >&2; exit 1; fi; \
	$$python -m venv .venv
	$(BIN)/python -m pip install --quiet "$$(grep -oE '^uv==[^ ]+' requirements/dev.lock)"

.venv/installed: .venv/bin/uv pyproject.toml requirements/dev.lock
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/stack-installed: .venv/installed supabase/local/package.json supabase/local/package-lock.json
	$(BIN)/python -c 'from truckroll_local import postgres; postgres.install()'
	@touch $@

# A file of its own, so that `make setup` after a change of the engine compiles it again and nothing else.
.venv/engine-compiled: .venv/installed $(wildcard functions/truckroll/engine/*.py)
	$(BIN)/python -m truckroll.engine.warm
	@touch $@

.PHONY: demo
demo: setup ## Start the embedded stack and do a company's day (ARGS=--once ends by itself)
	$(BIN)/truckroll demo $(ARGS)

.PHONY: reset
reset: setup ## Rebuild the local database from sql/, policies/ and seeds/
	$(BIN)/truckroll db reset $(ARGS)

.PHONY: test
test: setup ## Run every test (ARGS=tests/unit runs some)
	$(BIN)/pytest -n auto --dist worksteal $(ARGS)

.PHONY: check
check: setup ## Lint, format, types, SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar sql policies seeds
	$(BIN)/squawk --no-error-on-unmatched-pattern supabase/migrations/*.sql

.PHONY: reference
reference: setup ## Write supabase/API.md from the comments in sql/
	$(BIN)/python -m truckroll_local.reference

.PHONY: bench
bench: setup ## Measure the database and the API, each figure beside its bar
	$(BIN)/python -m bench $(ARGS)

.PHONY: bench-engine
bench-engine: setup ## Measure the engine on the public instances
	$(BIN)/python -m bench.engine $(ARGS)

.PHONY: migration
migration: setup ## Write supabase/migrations/<time>_$(name).sql, e.g. make migration name=add_customer_notes
	$(BIN)/python -m truckroll_local.migration $(name)

LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'

.PHONY: lock
lock: .venv/bin/uv ## Renew the lock files (ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) --extra dev pyproject.toml -o requirements/dev.lock
	$(LOCK) $(ARGS) -c requirements/dev.lock pyproject.toml -o functions/requirements.txt
