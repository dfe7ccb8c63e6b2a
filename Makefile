# The one command surface, for people and CI alike: `make help`.

.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

# The stack, and more options for the command behind a target: make preview S=dev ARGS=--diff
S ?= local
ARGS ?=

# Kept inside the clone; see scripts/lib.sh.
export UV_CACHE_DIR ?= $(CURDIR)/.local/cache/uv
export UV_PYTHON_DOWNLOADS ?= never
# As in scripts/lib.sh: of these each can decide what is run or where it is installed.
unexport $(filter-out %_DIR %INDEX %INDEX_URL %TIMEOUT UV_PYTHON_DOWNLOADS UV_CONFIG_FILE UV_LINK_MODE UV_OFFLINE \
	UV_KEYRING_PROVIDER UV_INSECURE_HOST UV_NATIVE_TLS UV_SYSTEM_CERTS,$(filter UV_%,$(.VARIABLES)))
unexport UV_WORKING_DIR VIRTUAL_ENV
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONSTARTUP CDPATH BASH_ENV ENV
# Text is UTF-8 in every Python that is started here, whatever the machine's locale.
export PYTHONUTF8 := 1
# uv, nginx and pulumi are found here, whether they came with the machine or with `make`.
export PATH := $(CURDIR)/.local/tools/bin:$(PATH)

PYTHON := .venv/bin/python
LOCALCLOUD := $(PYTHON) -m localcloud
PYTEST := $(PYTHON) -m pytest

TYPED := $(wildcard *.py common components conformance localcloud clients operations policy program review scripts tests)
# The model image has its own environment, so its types are checked there.
MODEL_CHECK ?= cd model_image && UV_PROJECT_ENVIRONMENT='$(CURDIR)/.local/model-check' uv run --quiet --frozen --group dev --group train mypy
SHELL_SCRIPTS = $(wildcard $(sort \
	$(shell git ls-files --cached --others --exclude-standard -- '*.sh') \
	$(shell git grep --untracked -lE '^.!/.*[/ ](ba|da)?sh$$' -- ':!*.py' ':!*.md')))

##@ Run it on this machine (S=local), no cloud account needed
.PHONY: up call preview review outputs logs refresh bundle smoke certificates down
up: venv ## Deploy the stack and make one verified prediction; MODEL=path serves your own model
	@# Before minutes are spent on the tools.
	@test -x .local/tools/bin/pulumi || $(LOCALCLOUD) ports --stack $(S)
	@$(MAKE) tools
	@$(if $(filter environment,$(origin MODEL)),echo "MODEL of the environment is not read: make up MODEL=path" >&2)
	@$(LOCALCLOUD) up --stack $(S) $(if $(filter command,$(origin MODEL)),--model "$$MODEL") $(ARGS)

call: venv ## Make one verified prediction
	@$(LOCALCLOUD) call --stack $(S) $(ARGS)

preview: tools ## Show what `up` would change; S=dev and S=prod work without an account
	@$(LOCALCLOUD) preview --stack $(S) $(ARGS)

# BASE=origin/main compares with what that commit deploys instead of with this machine's stack.
review: tools ## The preview for a pull request: who is affected, what it costs, what the policies say
	@$(PYTHON) -m review --local --stack '$(S)' --policy-pack policy \
		$(if $(BASE),--base '$(BASE)') $(ARGS)

outputs: tools ## Show the stack's outputs
	@$(LOCALCLOUD) outputs --stack $(S) $(ARGS)

logs: venv ## Show what the containers logged
	@$(LOCALCLOUD) logs --stack $(S) $(ARGS)

refresh: tools ## Compare the state with what really runs
	@$(LOCALCLOUD) refresh --stack $(S) $(ARGS)

# The stack of this machine is seen with the local cloud's environment, others with the user's own.
USE_STACK = $(if $(filter local,$(S)),env=$$($(LOCALCLOUD) env) && eval "$$env" &&)

bundle: tools ## Write a client's files: make bundle CLIENT=alice OUT=folder, S=dev
	@$(USE_STACK) $(PYTHON) -m clients bundle --stack '$(S)' --client '$(CLIENT)' --out '$(OUT)' $(ARGS)

smoke: tools ## Call the endpoint once as a client: make smoke S=dev CLIENT=ci-smoke-test
	@$(USE_STACK) $(PYTHON) -m clients smoke --stack '$(S)' --client '$(CLIENT)' $(ARGS)

certificates: tools ## Show how long the stack's certificates last; S=dev
	@$(USE_STACK) $(PYTHON) -m clients certificates --stack '$(S)' $(ARGS)

down: ## Stop everything and remove the state; installed tools stay
	@if [ ! -e .local/tools/bin/pulumi ]; then echo "Nothing was set up here, so nothing runs."; \
	else scripts/setup.sh python nginx pulumi && $(LOCALCLOUD) down --stack $(S) $(ARGS); fi

##@ Check it
.PHONY: test test-unit test-engine test-sidecar test-clients test-model-image conformance generate check bench
# Each file of tests on one of three processes: on two cores, since some wait for a minute.
test: tools curl snippet-tools ## Every test
	@scripts/in_scope.sh $(PYTEST) --numprocesses 3 --dist loadfile $(ARGS)

test-unit: venv ## The program under mocks; needs neither Pulumi nor nginx
	@$(PYTEST) tests/unit tests/contract $(ARGS)

test-engine: tools curl ## The program under the real Pulumi engine
	@$(PYTEST) tests/engine $(ARGS)

test-sidecar: tools snippet-tools ## Real handshakes with the deployed endpoint
	@$(PYTEST) tests/sidecar $(ARGS)

test-clients: tools curl snippet-tools ## Bundles, and every sample in them against the endpoint
	@$(PYTEST) tests/clients tests/python_client $(ARGS)

test-model-image: venv ## The model server's contract
	@$(PYTEST) tests/model_image $(ARGS)

conformance: tools snippet-tools ## Prove what is promised, against a fresh endpoint or ARGS='--endpoint URL --bundle DIR'
	@scripts/in_scope.sh $(PYTHON) -m conformance $(ARGS)

generate: venv ## Write the files that are made from the code
	@$(PYTHON) -m scripts.generate

check: venv ## Lint, format, types, which room may know which, Dockerfiles, shell scripts, workflows, generated files
	@git rev-parse 2>/dev/null || { echo "make check looks at what git knows: run it in a clone" >&2; exit 1; }
	@scripts/setup.sh actionlint
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy --strict --explicit-package-bases $(TYPED)
	$(MODEL_CHECK)
	$(PYTHON) -m scripts.generate --check
	.venv/bin/lint-imports --no-cache --no-logo
	.venv/bin/hadolint $(wildcard model_image/Dockerfile nginx/Dockerfile prebuilt_image/Dockerfile)
	.venv/bin/shellcheck --external-sources --source-path=SCRIPTDIR $(SHELL_SCRIPTS)
	.local/tools/bin/actionlint -shellcheck .venv/bin/shellcheck
	.venv/bin/zizmor --offline --quiet --pedantic .github/workflows

bench: tools ## Measure what docs/limits.md says about speed
	@$(PYTHON) -m localcloud.bench $(ARGS)

# What Azure Pipelines' AzureCLI task calls its login, as the azure-native provider calls it.
ifdef idToken
export ARM_USE_OIDC := true
export ARM_OIDC_TOKEN := $(idToken)
export ARM_CLIENT_ID := $(servicePrincipalId)
export ARM_TENANT_ID := $(tenantId)
endif

##@ Deploy it to Azure: S=dev, logged in to Azure and to the state's backend
.PHONY: plugins plan deploy drift destroy approval summary comment
# In pipelines before the login: credentials do not lie around while things are downloaded.
plugins: tools ## `tools`, and the plugins of Azure's and the other providers
	@scripts/setup.sh plugins

# What it finds is for the approver to judge, so that alone is no failure.
plan: tools ## `review` against the real stack, for the approver of its deployment
	@$(USE_STACK) $(PYTHON) -m review --stack '$(S)' --policy-pack policy $(ARGS) || [ $$? -eq 1 ]

deploy: tools ## `pulumi up` with the policies; also what renews certificates
	@$(PYTHON) -m operations deploy --stack '$(S)'

drift: tools ## Fail if something is not as it was deployed
	@$(PYTHON) -m operations drift --stack '$(S)'

destroy: tools ## Remove all but the resource group; refused for prod
	@$(PYTHON) -m operations destroy --stack '$(S)' $(ARGS)

# Standard library only: these run where a token is, or before anything is installed.
approval: ## In a workflow on GitHub: refuse an environment that asks nobody, ENVIRONMENT=prod
	@python3 scripts/approval.py '$(ENVIRONMENT)'

summary: ## In a pipeline: show Markdown files with the run, FILES='a.md b.md'
	@python3 scripts/publish.py summary $(FILES)

comment: ## In a workflow on GitHub: write Markdown files to the pull request, FILES='a.md b.md'
	@python3 scripts/publish.py comment $(FILES)

##@ Look after it
.PHONY: setup pin-images clean help
setup: venv ## Install what a plain `pulumi preview -s dev` needs beside the Pulumi CLI

pin-images: venv ## Write the base images' current digests into the Dockerfiles
	@$(PYTHON) scripts/pin_images.py model_image/Dockerfile nginx/Dockerfile

clean: down ## `down`, then remove .venv and .local as well
	rm -rf .venv .local

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
	/^##@/ {printf "\n%s\n", substr($$0, 5)} \
	/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv tools curl snippet-tools
venv:
	@scripts/setup.sh python

tools: ## Install what most targets need; each of them does so itself
	@scripts/setup.sh python nginx pulumi

curl:
	@scripts/setup.sh curl

snippet-tools:
	@scripts/setup.sh openssl go java
