.PHONY: help setup demo test faults soak lint check lock bench claims clean
export UV_PYTHON_DOWNLOADS := never

PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11

help:  ## Say what there is.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(VENV)/.ready  ## Make .venv and install everything the project needs, from hash-pinned files.

$(VENV)/.ready: requirements/uv.txt requirements/dev.txt pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	$(UV) pip install --quiet --python $(VENV)/bin/python --require-hashes --requirement requirements/dev.txt
	$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation --editable .
	touch $@

demo: setup  ## Run the receipts that ship with the project through the cascade, with offline engines.
	@$(VENV)/bin/cheapfirst demo || test $$? -eq 1  # 1: some items failed, honestly

test: setup  ## Run the whole test suite.
	$(VENV)/bin/pytest --numprocesses 3 --dist loadgroup --ignore tests/faults/test_worker_kill.py
	$(VENV)/bin/pytest tests/faults/test_worker_kill.py  # recovery has a bound of seconds: nothing else runs meanwhile

faults: setup  ## Play the fault suite at its full size, and print what it finds (hours; FAULTS="-k worker" plays a part).
	$(VENV)/bin/pytest tests/faults --faults=full --fault-findings=faults.jsonl --timeout 7200 $(FAULTS)

soak: setup  ## Play an hour of steady work, a burst and random faults, and say whether memory stays flat (SOAK="--minutes 10" is shorter).
	$(VENV)/bin/python -m tests.faults.soak $(SOAK)

lint: setup  ## Check style, types and the arrows of import.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache >/dev/null || $(VENV)/bin/lint-imports --no-cache

check: lint test  ## Lint and test.

bench: setup  ## Measure the CPU time of a document beside other ways, in turns, and what asking for failed fields saves (half an hour).
	$(VENV)/bin/python bench/compare.py
	$(VENV)/bin/python bench/documents.py
	$(VENV)/bin/python bench/failed_fields.py

CHEAPFIRST_DATA ?= ../shared/data
ELSEWHERE := DATABASE_URL REDIS_URL CHEAPFIRST_DEPLOYMENT CHEAPFIRST_HOME CHEAPFIRST_CHUNK OTEL_EXPORTER_OTLP_ENDPOINT

claims: setup  ## Replay the recorded sets through the product, and write what they show of the claims (minutes).
	env $(addprefix -u ,$(ELSEWHERE)) $(VENV)/bin/python -m claims --data $(CHEAPFIRST_DATA) --output docs/results.md

lock: setup  ## Compile the pinned requirements again from pyproject.toml.
	echo uv | $(COMPILE) --output-file requirements/uv.txt -
	$(COMPILE) --all-extras --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) --all-extras --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml

clean:  ## Remove what setup, runs and tests made here.
	rm -rf $(VENV) .cheapfirst .pytest_cache .ruff_cache .mypy_cache .hypothesis
