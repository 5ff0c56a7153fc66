# Everything starts here: `make help`. A fresh machine needs Python 3.11 or later and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
UV_VERSION := 0.13.9
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python

PIN = $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 \
  --generate-hashes --upgrade --no-emit-index-url --no-annotate --no-header

# Else every process that a test starts compiles what it imports, boto3 and all.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test torch check bench soak pins clean

help:  ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.demo  ## Train a model on the digits and keep everything in a bucket
	$(BIN)/python examples/01_digits.py

test: $(VENV)/.dev  ## Every test; starts the stand-in servers it needs
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not soak" $(ARGS)

torch: $(VENV)/.torch  ## PyTorch, for the tests that use it; they are skipped without

check: $(VENV)/.dev  ## Lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench  ## Speed, side by side with boto3, s3fs, obstore, s5cmd, rclone and plain files
	$(VENV)/bench/bin/python -m benchmarks $(ARGS)

soak: $(VENV)/.dev  ## The long kill, fault and property runs
	PORTABLE_KILLS=20000 $(BIN)/python -m pytest --timeout 3600 tests/adapters/local/test_kill.py
	PORTABLE_EXAMPLES=20000 $(BIN)/python -m pytest --timeout 3600 tests/adapters/local/test_names.py
	PORTABLE_CUTS=300 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m soak --timeout 3600 $(ARGS)

clean:  ## Remove what the commands above made
	rm -rf $(VENV) .portable .mypy_cache .pytest_cache .ruff_cache .hypothesis dist

$(BIN)/uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

pins: $(BIN)/uv  ## Choose the newest versions again and write them down
	$(PIN) --extra all --extra testing --group dev --group demo --group ecosystem --output-file requirements/dev.txt
	$(PIN) --extra aws --group demo --output-file requirements/demo.txt
	$(PIN) --extra aws --extra azure --extra gcp --group bench --output-file requirements/bench.txt

$(VENV)/.dev: pyproject.toml requirements/dev.txt | $(BIN)/uv
	$(INSTALL) --require-hashes -r requirements/dev.txt
	$(INSTALL) --no-deps --editable .
	touch $@

# Not among the pins: which build fits is the machine's business (here: whatever pip is set up for).
$(VENV)/.torch: | $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.*'
	touch $@

$(VENV)/.demo: pyproject.toml requirements/demo.txt | $(BIN)/uv
	$(INSTALL) --require-hashes -r requirements/demo.txt
	$(INSTALL) --no-deps --editable .
	touch $@

$(VENV)/.bench: pyproject.toml requirements/bench.txt | $(BIN)/uv
	$(BIN)/uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)/bench
	$(BIN)/uv pip install --quiet --python $(VENV)/bench/bin/python --require-hashes -r requirements/bench.txt
	$(BIN)/uv pip install --quiet --python $(VENV)/bench/bin/python --no-deps --editable .
	touch $@
