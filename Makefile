# Two commands do all the work: `make results` and `make test`. Each sets up what it needs first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python

.PHONY: results test lab lint lock clean

results: .venv/ready  ## run every stage for every county and publish: make results ARGS="--group mountain26"
	$(PY) run_all.py $(ARGS)

test: .venv/ready  ## lint, types and all tests: make test ARGS="tests/unit"
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest $(ARGS)

lab: .venv/ready  ## open the notebooks
	$(PY) -m jupyterlab --notebook-dir=notebooks

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "gepbook needs Python 3.11 or later; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is missing; trying to install it with apt-get"; rm -rf .venv; \
	    apt-get update -q && apt-get install -yq python3-venv && $(PYTHON) -m venv .venv; }
	$(PY) -m pip install --quiet --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch .venv/ready

lock: .venv/ready  ## pin the dependencies of pyproject.toml anew, with hashes
	$(PY) -m piptools compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --extra dev --output-file requirements.lock pyproject.toml

clean:  ## remove the environment and caches; results stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
