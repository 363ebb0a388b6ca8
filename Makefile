# Two commands do everything on a fresh clone: `make bench` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

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

bench: $(STAMP)
	$(BIN)/sentinel-bench run --data bundled

test: $(STAMP)
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
	uv pip compile -q pyproject.toml --all-extras --python-version 3.11 --no-header --no-emit-index-url \
	  --no-annotate --constraint torch-pin.txt -o requirements.lock
