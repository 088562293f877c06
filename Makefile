# Every target makes what it needs; nothing is installed by hand.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
CHECKOV := checkov==3.3.30
BIN := $(VENV)/bin
export AWS_DEFAULT_REGION ?= eu-west-2
export SAM_CLI_TELEMETRY := 0
export PYTHONPATH := layers/driveway:.

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-11s %s\n", $$1, $$2}'

$(VENV)/installed: requirements-dev.txt
	@echo "Installing the locked development environment into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/installed ## Install the development environment

.PHONY: demo
demo: setup ## One night of charging, printed as a timeline
	@$(BIN)/python -m local.demo

.PHONY: up
up: setup ## The whole stack on this machine, left running (see .local/stack.json)
	@$(BIN)/python -m local up

.PHONY: play
play: setup ## Scenarios on the running stack: make play lists them, make play SCENARIO=ready starts one
	@$(BIN)/python -m local.play $(SCENARIO)

.PHONY: down
down: setup ## Stop it
	@$(BIN)/python -m local down

.PHONY: check
check: setup ## Lint, strict types, the direction of imports, the template
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	$(BIN)/sam validate --lint
	@$(BIN)/uv tool run --quiet --from $(CHECKOV) python -c "" 2>/dev/null \
		|| { echo "checkov could not be fetched: its rules are not checked here"; exit 0; } \
		&& LOG_LEVEL=ERROR $(BIN)/uv tool run --quiet --from $(CHECKOV) checkov --config-file checkov.yaml

.PHONY: test
test: check ## Everything: check, then every test
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/functions tests/contract
	PYTHONHASHSEED=0 $(BIN)/pytest -n 2 --dist loadgroup tests/world
	$(BIN)/pytest tests/account
	$(BIN)/pytest tests/stack

.PHONY: test-runtime
test-runtime: setup ## The functions' tests on the Python that Lambda runs (RUNTIME_PYTHON names it if it is not found)
	@$(BIN)/uv venv --quiet --allow-existing --python "$$($(BIN)/python -m local.bundle python)" .venv-runtime
	@$(BIN)/uv pip install --quiet --python .venv-runtime/bin/python -r requirements-dev.txt uv
	.venv-runtime/bin/python -m pytest -n 2 --dist loadfile tests/functions

.PHONY: nights
nights: setup ## 200 cars through a night without Axle, a thousand at one edge, the days of the clock changes
	OUTAGE_CARS=$(or $(OUTAGE_CARS),200) OUTAGE_SCALE=$(or $(OUTAGE_SCALE),50) $(BIN)/pytest tests/nights
	TOGETHER=$(or $(TOGETHER),1000) $(BIN)/pytest tests/edges

.PHONY: edges
edges: setup ## A fleet at one edge on a simulated clock: make edges [RUSH="one default fast slow"] [RUSH_CARS=10000]
	RUSH="$(or $(RUSH),default)" PYTHONHASHSEED=0 $(BIN)/pytest -s tests/world/test_rush_goals.py

.PHONY: chaos
chaos: setup ## Nights from seeds, with everything going wrong: make chaos SEEDS=300 [FIRST=1]
	PYTHONHASHSEED=0 $(BIN)/python -m tests.world.chaos --seeds $(or $(SEEDS),300) --first $(or $(FIRST),1)

.PHONY: crash-points
crash-points: setup ## Every fault at every call of every handler, in all situations: make crash-points [PART=1/2] [LOG=file]
	PYTHONHASHSEED=0 $(BIN)/python -m tests.world.crash_points $(if $(PART),--part $(PART)) $(if $(LOG),--log $(LOG))

.PHONY: pairs
pairs: setup ## Each of two handlers at one asset comes in at every call of the other: make pairs [PART=1/2] [LOG=file]
	PYTHONHASHSEED=0 $(BIN)/python -m tests.world.pairs $(if $(PART),--part $(PART)) $(if $(LOG),--log $(LOG))

.PHONY: chaos-mutants
chaos-mutants: setup ## Thirteen faults planted one at a time, and what catches each
	PYTHONHASHSEED=0 $(BIN)/python -m tests.world.mutants

.PHONY: mutants
mutants: setup ## Small random mutants of domain code, and what notices each: make mutants [MUTANTS=100] [SEEDS=30] [REST=1]
	$(BIN)/python -m tests.world.random_mutants --mutants $(or $(MUTANTS),100) --seeds $(or $(SEEDS),30) $(if $(REST),--rest)

.PHONY: fuzz
fuzz: setup ## Drawn requests for every operation, and drawn bodies with valid signatures: make fuzz [FUZZ=100]
	FUZZ=$(or $(FUZZ),100) $(BIN)/pytest -n 2 tests/functions/test_fuzz.py tests/functions/test_any_body.py tests/functions/test_any_webhook.py
	FUZZ=$(or $(FUZZ),100) $(BIN)/pytest tests/stack/test_fuzz_on_the_stack.py

.PHONY: connections
connections: setup ## Every fault at every call of a driver's account, and two instances at every interleaving
	DRIVEWAY_CONNECTIONS=all $(BIN)/pytest -q tests/unit/auth/test_connection_faults.py tests/unit/auth/test_connection_interleavings.py

.PHONY: site-crash-points
site-crash-points: setup ## Every fault at every call of a site's life, and every two operations interleaved
	SITE_CRASH_POINTS=all $(BIN)/pytest -n 2 tests/functions/test_site_crash_points.py tests/functions/test_half_hour_faults.py

.PHONY: meters
meters: setup ## Print how exact generated meters are, by kind: make meters [METERS=200]
	METERS=$(or $(METERS),200) $(BIN)/pytest -q -s tests/unit/domain/metering/test_meters.py

.PHONY: bench
bench: setup ## Measure, as ratios against floors of the same run
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

.PHONY: build
build: setup ## Build what is deployed, for the Lambda runtime, without Docker
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/sam build
	@$(BIN)/python -m local.bundle build

.PHONY: deploy
deploy: build ## Deploy to AWS: make deploy STAGE=staging [YES=1]; shows what would change, and asks
	@$(BIN)/python -m local.deploy $(or $(STAGE),default)

.PHONY: undeploy
undeploy: setup ## Release every car, then delete the stack: make undeploy STAGE=staging, with API_URL and OPERATOR_TOKEN
	@$(BIN)/python -m local.undeploy $(or $(STAGE),default)

.PHONY: lock
lock: setup ## Lock the deployed layer with hashes, and the development environment to the same versions
	$(BIN)/uv pip compile --quiet --generate-hashes --python-platform aarch64-manylinux2014 --python-version 3.13 \
		--no-header --no-annotate --constraint requirements-dev.txt \
		layers/dependencies/requirements.in --output-file layers/dependencies/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		requirements-dev.in --output-file requirements-dev.txt

.PHONY: audit
audit: setup ## Known faults of what is deployed; says what could not be looked up
	$(BIN)/uv tool run pip-audit==2.9.0 --requirement layers/dependencies/requirements.txt --no-deps --disable-pip

.PHONY: release
release: build clients ## The archive that sam deploy takes, with SBOM, licences and typed clients, in .aws-sam/release
	@$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.2.1 cyclonedx-py requirements --output-reproducible \
		layers/dependencies/requirements.txt --output-file .aws-sam/sbom.json
	@$(BIN)/python -m local.bundle release --sbom .aws-sam/sbom.json --clients .aws-sam/clients

.PHONY: resync
resync: setup ## Look at every car of a provider: make resync PROVIDER=enode STAGE=staging [RATE=5]
	@$(BIN)/python -m local.resync $(PROVIDER) --stack driveway-$(or $(STAGE),dev) --per-second $(or $(RATE),5)

.PHONY: readings
readings: setup ## What Axle got of a day: make readings DAY=2026-01-15 [STAGE=prod] [CSV=day.csv]
	@$(BIN)/python -m local.readings $(DAY) --stack driveway-$(or $(STAGE),local) $(if $(CSV),--csv $(CSV))

.PHONY: release-all
release-all: setup ## Release every car and end all control: API_URL=… OPERATOR_TOKEN=… (neither: the local stack)
	@$(BIN)/python -m local.switch released

.PHONY: resume-all
resume-all: setup ## Take control up again after release-all
	@$(BIN)/python -m local.switch running

.PHONY: why
why: setup ## Why did a car not charge? make why ASSET=car-1 [NIGHT=2026-01-15] [API_URL=… APP_TOKEN=…]
	@$(BIN)/python -m local.why $(ASSET) $(NIGHT)

.PHONY: redrive
redrive: setup ## Give back what was set aside: make redrive STAGE=prod [QUEUE=axle-sync-dead-letters]
	@$(BIN)/python -m local.redrive --stage $(or $(STAGE),dev) $(if $(QUEUE),--queue $(QUEUE))

.PHONY: adopt-table
adopt-table: setup ## Make a retained or restored table ready for a stack: make adopt-table TABLE=name
	@$(BIN)/python -m local.take_over table $(TABLE)

.PHONY: unpack-table
unpack-table: setup ## After a rollback to 0.1: write twins and half-hours in its form: make unpack-table TABLE=name
	@$(BIN)/python -m local.unpack $(TABLE)

.PHONY: copy-secrets
copy-secrets: setup ## Give a stack the secrets of another: make copy-secrets FROM=<stack id> STAGE=prod
	@$(BIN)/python -m local.take_over secrets $(FROM) driveway-$(or $(STAGE),dev)

.PHONY: axle-diff
axle-diff: setup ## What a new OpenAPI document of Axle's changes for us: make axle-diff FILE=new.json
	@$(BIN)/python -m local.axle_diff $(FILE)

.PHONY: clients
clients: setup ## Typed clients of the HTTP API for Python and TypeScript, in .aws-sam/clients
	@$(BIN)/python -m local.clients

.PHONY: openapi
openapi: setup ## Write docs/openapi.json, http-api.md, api.html and the Postman collection from the code
	@$(BIN)/python -m local.openapi
