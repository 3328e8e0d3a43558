# One command each. `make run` and `make test` set up whatever a fresh Debian or Ubuntu machine lacks.
.DEFAULT_GOAL := run
BIN := .venv/bin

.PHONY: run test check bench setup lock

run:  ## install what is missing, start the database, load the demo once, serve on 127.0.0.1:8000
	@.setup/setup.sh run
	@$(BIN)/onegrid demo --once
	@$(BIN)/onegrid serve

setup:  ## install what is missing for running, nothing else
	@.setup/setup.sh run

check:  ## linters, types, import contracts, the editor's own checks and tests
	@.setup/setup.sh test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd maps/editor && npx --no-install tsc && node --test

test: check  ## everything above, then every test: a file at a time on every core, four at the most
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

bench:  ## timings beside the other tools, in one run
	@.setup/setup.sh bench
	$(BIN)/python -m tests.benchmarks

lock:  ## renew the lock files (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header -q --upgrade --group test --group build --group bench -o .setup/requirements-bench.txt
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header -q --group test --group build -c .setup/requirements-bench.txt -o .setup/requirements-test.txt
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header -q --group build -c .setup/requirements-bench.txt -o .setup/requirements.txt
