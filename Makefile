VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup run try test check clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing: apt install python3-venv"; exit 1; }
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,history]'
	@touch $@

run: $(STAMP)
	@$(BIN)/ringfence serve --policy examples/policy.toml --free-port

try: $(STAMP)
	@tools/install_peers.sh sip-tester || { echo "make try plays calls with SIPp: install it, then try again"; exit 1; }
	@$(BIN)/python -m ringfence.testing.showcase examples/policy.toml

# Real peers are installed where we are root; without them and without root the end-to-end tests are left out, aloud.
test: $(STAMP)
	@code=0; tools/install_peers.sh || code=$$?; \
	[ $$code != 0 ] || [ "$$(id -u)" = 0 ] || echo "LEFT OUT: tests in network namespaces, which need root"; \
	if [ $$code = 0 ]; then set -x; $(BIN)/pytest; \
	elif [ $$code = 3 ]; then echo "LEFT OUT: the end-to-end tests (tests/e2e)"; set -x; $(BIN)/pytest -m 'not e2e'; \
	else exit $$code; fi

check: $(STAMP)
	$(BIN)/ruff format --check src tests tools bench
	$(BIN)/ruff check src tests tools bench
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist
