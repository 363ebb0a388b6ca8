# Two commands do everything on a fresh clone: `make bench` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SYSTEM := $(VENV)/.system

.PHONY: help bench test lint types imports check clean lock

help:
	@echo "make bench    set up, then run the bundled benchmark: recall beside attack success"
	@echo "make test     set up, then run the tests"
	@echo "make check    lint, types and import direction (after make test has set up)"
	@echo "make lock     resolve requirements.lock anew (needs uv)"

# The lock goes in as constraints (-c): what a resolver wrote for other platforms installs nothing here.
$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,local]'
	@touch $@

# A browser for the test that looks at the report; installed where we may, said plainly where we may not.
$(SYSTEM): $(STAMP)
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; \
	then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else echo "no chromium here and no right to install it: the test of the report in a browser will be skipped"; fi
	@touch $@

bench: $(STAMP)
	$(BIN)/sentinel-bench run --data bundled

test: $(SYSTEM)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

check: lint types imports

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

lock:
	printf 'torch==2.13.0\nlangchain-core<1.8\n' >.pins
	uv pip compile -q pyproject.toml --all-extras --python-version 3.11 --no-header --no-emit-index-url \
	  --no-annotate --constraint .pins -o requirements.lock
	rm .pins
