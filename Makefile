.PHONY: setup lock
export UV_PYTHON_DOWNLOADS := never

PYTHON ?= python3
VENV := .venv
UV := $(VENV)/bin/uv

setup: $(VENV)/.ready  ## Make .venv and install everything the project needs, from hash-pinned files.

$(VENV)/.ready: requirements/uv.txt requirements/dev.txt pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	$(UV) pip install --quiet --python $(VENV)/bin/python --require-hashes --requirement requirements/dev.txt
	$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation --editable .
	touch $@

lock:  ## Compile the pinned requirements again from pyproject.toml.
	echo uv | $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --output-file requirements/uv.txt -
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --all-extras --output-file requirements/runtime.txt pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 --all-extras --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml
