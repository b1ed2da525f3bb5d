# Two commands set everything up on a fresh machine: `make leaderboard` and `make test`.
# The first Python that is new enough and runs: a shim of pyenv may be there for one that does not.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && \
	command -v $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: leaderboard test site docs bench lint types clean
leaderboard: $(VENV)/installed
	$(BIN)/overheard run --suite quick

test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

# The published leaderboard as a page: open build/site/index.html.
site: $(VENV)/installed
	$(BIN)/overheard site build/site

# The documentation as pages: open build/docs/index.html. All of it anew each time, since Sphinx
# warns of a page only when it reads it.
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx --fail-on-warning --quiet --fresh-env --write-all \
		--doctree-dir build/doctrees --builder html docs build/docs

# Ratios to plain training, measured within one run: see docs/cost.md. CPU time of one thread, so
# that what else the machine does counts little.
bench: $(VENV)/installed
	$(BIN)/python -m pytest tests/bench/test_steps.py -m "slow or not slow" --benchmark-enable \
		--benchmark-quiet --benchmark-timer=time.process_time --benchmark-json=$(VENV)/bench.json
	$(BIN)/python -m tests.bench.table $(VENV)/bench.json
	$(BIN)/python -m tests.bench.relative
	$(BIN)/python -m tests.bench.trainings
	$(BIN)/python -m pytest tests/bench/test_layers.py tests/bench/test_ensemble.py \
		tests/bench/test_audits.py tests/bench/growth --benchmark-enable \
		--benchmark-timer=time.process_time --benchmark-columns=min \
		--benchmark-sort=name --benchmark-group-by=group

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

# Written last, so that an interrupted installation is taken up again.
$(VENV)/installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || test -n "$(PYTHON)" || \
		{ echo "no Python 3.11 or later here: install one, or make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -c 'import librosa.sequence'  # compiles its loops, here rather than at first use
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) runs
