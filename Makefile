# Two commands on a fresh machine: `make run` and `make test`. They need Python 3.11 to 3.13.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: run install test check bench catalogues lock clean

run: $(VENV)/.run
	@$(BIN)/undersigned serve --sample

install: $(VENV)/.dev

# What only looks at pages is run once: it is the same whatever database they come from.
LOOKS := $(addprefix --ignore=tests/, browser/test_heights.py browser/test_layout.py \
	browser/test_accessibility.py browser/test_wordpress.py test_html.py)

# As many processes as processors (and no more than 8), each with a database server, a program and
# browsers of its own. The next test goes to whichever is free, in the order of the files: what
# takes longest, in browser/, comes first. What shares something is kept in one process.
PYTEST = $(BIN)/pytest -n logical --maxprocesses 8 --dist loadgroup --no-loadscope-reorder

test: $(VENV)/.dev tests/node_modules/.done tests/.mailman/.done
	@on_sqlite=passed; on_postgresql=passed; \
	$(PYTEST) || on_sqlite=FAILED; \
	$(PYTEST) --database postgresql $(LOOKS) || on_postgresql=FAILED; \
	echo "on SQLite: $$on_sqlite; on PostgreSQL: $$on_postgresql"; \
	test "$$on_sqlite $$on_postgresql" = "passed passed"

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/python bench/bench.py
	$(BIN)/python bench/sending.py

# The translators' files, up to date with what the code and the templates say.
catalogues: $(VENV)/.dev
	$(BIN)/python -m widgets.catalogues

# Both lock files, from pyproject.toml. Installing then needs no resolving and brings the same.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --quiet \
		--custom-compile-command "make lock" pyproject.toml --group build -o requirements.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet \
		--custom-compile-command "make lock" -c requirements.txt \
		pyproject.toml --group build --group dev -o requirements-dev.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet \
		--custom-compile-command "make lock" --override tests/mailman/overrides.txt \
		tests/mailman/requirements.in -o tests/mailman/requirements.txt

clean:
	rm -rf $(VENV) tests/node_modules tests/.mailman

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, and none was found."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv is missing; on Debian: apt install python3-venv"; exit 1; }

$(VENV)/.run: $(BIN)/pip requirements.txt pyproject.toml
	@echo "Installing (once; about a minute) …"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

# axe-core, the HTML validator, an oEmbed client; without npm, the tests that need them say so and are skipped.
tests/node_modules/.done: tests/package-lock.json
	@if command -v npm >/dev/null; then npm ci --ignore-scripts --prefix tests --no-audit --no-fund --silent; fi
	@mkdir -p tests/node_modules && touch $@

# A Mailman to keep in step with, apart from our own environment, since it needs other versions.
# The lock has all that it needs, so nothing is resolved (--no-deps). If it can't be installed, the
# tests that need it say so, and in CI fail.
tests/.mailman/.done: tests/mailman/requirements.txt $(BIN)/pip
	@rm -rf tests/.mailman
	@$(PYTHON) -m venv tests/.mailman && tests/.mailman/bin/pip --disable-pip-version-check --quiet \
		install --no-deps --require-hashes -r tests/mailman/requirements.txt \
		|| echo "Mailman can't be installed: tests with it are skipped, and fail in CI."
	@mkdir -p tests/.mailman && touch $@
