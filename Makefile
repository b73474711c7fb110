# `make help` lists the targets.
STACK ?= dev
BIN   := .cache/bin
GO    ?= go

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-infra test-services test-ops test-images test-browser check cross fmt lint tidy generate plan cost golden mutate preview up build ops release upgrade-check bench install clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Check the prerequisites; install the PostgreSQL server if it is missing
	@./scripts/setup.sh test

# The demo needs no C compiler.
.PHONY: setup-demo
setup-demo:
	@./scripts/setup.sh

demo: setup-demo build $(BIN)/versitygw ## Run the data flow on this machine (DEMO_FILES, DEMO_BYTES, DEMO_AGENTS, DEMO_KEEP=1, DEMO_BACKEND)
	@exec $(BIN)/demo

test: test-infra test-services test-ops ## Run all tests of all modules

# A directory that appears later would make Go run tests again that have looked into this one. Linker and tests make much garbage: to collect
# it less often saves a tenth of the time, and takes no more than 2 GB.
test-infra: | $(BIN) ## Run the tests of the Pulumi program
	GOGC=400 $(GO) test -timeout 20m ./...

test-services: setup setup-python $(BIN)/versitygw $(BIN)/toxiproxy ## Run the tests of the services, with the race detector
	cd services && $(GO) test -race -timeout 20m ./...
	cd services/bench && $(GO) test -timeout 5m .

# Its own module, so that no other one compiles AWS's SDK for it.
test-ops: ## Run the tests of cmd/ops
	cd cmd/ops && $(GO) test -timeout 20m ./...

test-browser: setup ## Try the console in Chromium, headless (Debian and Ubuntu: installs it if it is missing; TEST_BROWSER=... takes another)
	@./scripts/setup.sh browser
	cd services && $(GO) test -tags browser -count=1 -timeout 20m ./browsertest

# A backend of somebody else's, as configuration: services/examples/python-backend.
FOREIGN = -set 'compute.command[0]=python3' -set 'compute.command[1]=/app/backend.py' -set compute.port=9080 -set compute.gatewayPort=9081 \
	-set 'compute.environment["GREETING"]=hello, "$$USER" 100%' \
	-set 'compute.secrets["API_KEY"]=arn:aws:secretsmanager:us-east-1:210987654321:secret:keys-AbCdEf:api' \
	-set compute.user=12345:12345 -set 'compute.writablePaths[0]=/tmp' -set 'compute.writablePaths[1]=/run/app' -set compute.writableMiB=16 \
	-set compute.memory=256 -set compute.stopSeconds=60 -set fargate.enabled=false -set monitoring.serviceMetrics=false

# The plan says how the images are built and run. Images that an owner has set would be deployed as they are: here they are built.
test-images: setup $(BIN)/versitygw ## Build both images, look at every file in them, and run them (as root; Linux)
	@./scripts/setup-images.sh
	@mkdir -p .cache/images
	@$(GO) run ./cmd/plan -stack dev -set images.backend= -set images.agent= -json > .cache/images/plan.json
	@$(GO) run ./cmd/plan -stack dev -set images.backend= -set images.agent= $(FOREIGN) -json > .cache/images/foreign.json
	cd services && IMAGES_PLAN=$(CURDIR)/.cache/images/plan.json IMAGES_FOREIGN_PLAN=$(CURDIR)/.cache/images/foreign.json \
		$(GO) test -tags images -count=1 -timeout 60m -v ./imagetest

check: fmt lint tidy cross test test-browser ## Everything that a change must pass: format, lint, tidy modules, tests, the console in a browser

# What other machines run: macOS all of it, Windows the client.
cross: ## Compile the services for macOS and the client for Windows
	cd services && CGO_ENABLED=0 GOOS=darwin $(GO) vet ./...
	cd services && CGO_ENABLED=0 GOOS=windows $(GO) build -o /dev/null ./cmd/agent

fmt: ## Fail if a Go file is not formatted (gofmt -w . formats them)
	@files=$$(gofmt -l *.go */) && [ -z "$$files" ] || { echo "not formatted:"; echo "$$files"; exit 1; }

# The modules below tools/ hold no Go files. go vet is part of golangci-lint (govet), so there is no target for it.
lint: $(BIN)/golangci-lint $(BIN)/actionlint ## Lint all Go files (.golangci.yml, go vet included) and the workflows
	$(BIN)/golangci-lint run ./...
	cd services && ../$(BIN)/golangci-lint run --build-tags images,browser ./...
	cd cmd/ops && ../../$(BIN)/golangci-lint run ./...
	cd services/bench && ../../$(BIN)/golangci-lint run ./...
	$(BIN)/actionlint

tidy: ## Fail if a go.mod or go.sum is not tidy
	$(GO) mod tidy -diff
	cd services && $(GO) mod tidy -diff
	cd cmd/ops && $(GO) mod tidy -diff
	cd services/bench && $(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff
	cd tools/buildkit && $(GO) mod tidy -diff
	cd tools/lint && $(GO) mod tidy -diff
	cd tools/workflows && $(GO) mod tidy -diff
	cd tools/release && $(GO) mod tidy -diff

generate: ## Generate the Go types of services/api/openapi.yaml again
	cd services && $(GO) generate ./api

plan: ## Show what a stack would create, without AWS (STACK=dev)
	@$(GO) run ./cmd/plan -stack $(STACK)

cost: ## Show what a month of a stack costs, by tier and resource (STACK=dev)
	@$(GO) run ./cmd/plan cost -stack $(STACK)

golden: ## Renew testdata and the generated pages of docs, after a change that is meant
	cd services && $(GO) test ./internal/environ -run TestVariables -update
	$(GO) test ./internal/proof -run 'Test(GoldenGraphs|SecurityPage|CostPage|ReviewSamples|ArchitecturePicture|EveryKeyHasAnEffect|TiersRegisterTheirOutputs)' -update
	$(GO) test ./config -run TestConfigurationReference -update
	cd services && $(GO) test ./faults -run TestTable -update
	cd services/bench && $(GO) test . -run TestPages -update
	cd cmd/ops && $(GO) test ./... -update && $(GO) test . -run TestPage -update
	@! git rev-parse --is-inside-work-tree >/dev/null 2>&1 || git diff --stat -- testdata docs internal/proof/testdata cmd/ops

upgrade-check: ## Build against the newest minor versions of the Pulumi packages, in a copy, and show what they change in each stack
	@./scripts/upgrade-check.sh

mutate: ## Change one line of the tiers at a time and list what no test notices (MUTATE=compute,network, ONLY=group.go, QUICK=1)
	$(GO) run ./internal/mutate $(if $(MUTATE),-packages $(MUTATE)) $(if $(ONLY),-only '$(ONLY)') $(if $(QUICK),-quick)

bench: setup build $(BIN)/rclone $(BIN)/versitygw ## Measure both services beside what would be taken instead, for docs/benchmarks.md (Linux; BENCH=full, ONLY=queue,held, GROWTH=10000000)
	@./scripts/setup-bench.sh
	cd services/bench && CGO_ENABLED=0 $(GO) build -trimpath -o ../../$(BIN)/bench .
	@cd services/bench && PATH="$$PATH:/usr/sbin" exec ../../$(BIN)/bench $(if $(filter full,$(BENCH)),-full) $(if $(ONLY),-only '$(ONLY)') $(if $(GROWTH),-growth $(GROWTH))

# Tests run the example of a backend in another language; nothing else needs Python.
.PHONY: setup-python
setup-python:
	@./scripts/setup-python.sh

preview: pulumi-cli ## pulumi preview (STACK=dev)
	pulumi preview --stack $(STACK)

up: pulumi-cli ## pulumi up (STACK=dev)
	pulumi up --stack $(STACK)

.PHONY: pulumi-cli
pulumi-cli:
	@command -v pulumi >/dev/null || { echo 'the Pulumi CLI is missing: https://www.pulumi.com/docs/install/' >&2; exit 1; }

$(BIN):
	@mkdir -p $@

build: | $(BIN) ## Build backend, agent and demo for this machine
	cd services && CGO_ENABLED=0 $(GO) build -trimpath -o ../$(BIN)/ ./cmd/...

ops: | $(BIN) ## Build .cache/bin/ops, which works on a stack in AWS: rollouts, promotion, the runbook's procedures
	CGO_ENABLED=0 $(GO) build -C cmd/ops -trimpath -o ../../$(BIN)/ops .

# The servers that tests and demo run besides PostgreSQL. Tests that are run by hand build them in the same place.
$(BIN)/versitygw: tools/go.sum
	CGO_ENABLED=0 $(GO) build -C tools -o ../$@ github.com/versity/versitygw/cmd/versitygw
	@touch $@

$(BIN)/toxiproxy: tools/go.sum
	CGO_ENABLED=0 $(GO) build -C tools -o ../$@ github.com/Shopify/toxiproxy/v2/cmd/server
	@touch $@

$(BIN)/rclone: services/bench/go.sum
	CGO_ENABLED=0 $(GO) build -C services/bench -o ../../$@ ./rclone
	@touch $@

$(BIN)/golangci-lint: tools/lint/go.sum
	$(GO) build -C tools/lint -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(BIN)/actionlint: tools/workflows/go.sum
	$(GO) build -C tools/workflows -o ../../$@ github.com/rhysd/actionlint/cmd/actionlint
	@touch $@

$(BIN)/cyclonedx-gomod: tools/release/go.sum
	$(GO) build -C tools/release -o ../../$@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@

release: $(BIN)/cyclonedx-gomod ## Build the client for all systems into dist, as release.yml does (TAG=v1.2.3: the version that it must have)
	$(GO) run ./internal/release -sbom $< -tag "$$TAG"

# GOBIN says where Go's own `go install` puts programs, so it moves this one too. Manual pages stay below PREFIX.
PREFIX ?= /usr/local
BINDIR  = $(or $(GOBIN),$(PREFIX)/bin)
install: build ## Install the client `agent` and its manual pages below PREFIX (/usr/local); with GOBIN, the client there
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(BIN)/agent $(DESTDIR)$(BINDIR)/agent
	$(BIN)/agent man $(DESTDIR)$(PREFIX)/share/man/man1

clean: ## Remove what was built here
	rm -rf .cache dist
