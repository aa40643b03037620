# Needs Go, git, make and a POSIX shell. Everything else is a `go tool`, a module under hack/, or the control plane's kubectl.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# For deploy and build-installer: the image, the public address of the portal, the networks of the proxies in front of it (comma-separated),
# and the namespaces that Usher is limited to (separated by spaces; all if there are none).
IMG ?= ghcr.io/usher-dev/usher:latest
PORTAL_URL ?=
TRUSTED_PROXIES ?=
WATCH_NAMESPACES ?=
# How many packages are tested at once; each may run an API server.
TEST_JOBS ?= 2
# The tests to run, and more flags for go test. The flags come last: those of the tests' own, such as -ginkgo.focus-file, end the packages.
TEST ?= ./...
TESTFLAGS ?=

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X main.version=$(VERSION)

# Without cgo, also where there is a C compiler: the programs are static, and all that is built here shares one build cache.
GO = CGO_ENABLED=0 go

ASSETS = $$(hack/controlplane/assets.sh)
# The user's kubectl where there is one, for their cluster's sake; else the control plane's.
KUBECTL ?= $(shell command -v kubectl 2>/dev/null || echo $(ASSETS)/kubectl)
KUSTOMIZE = "$(ASSETS)/kubectl" kustomize
LINT = $$(hack/lint/build.sh)

# What generate and manifests write; verify compares it.
GENERATED = api/v1alpha1/zz_generated.deepcopy.go config/crd/bases
# RACE=1 tests with the race detector: several times slower, and it needs a C compiler.
RACE ?=
# Modules under hack/ that have tests.
TESTED_MODULES = $(foreach m,$(patsubst %/go.mod,%,$(wildcard hack/*/go.mod)),$(if $(wildcard $m/*_test.go),$m))

##@ Try it

.PHONY: demo
demo: controlplane build ## Run a scripted demo on a local control plane; it stays up until Ctrl-C, or exits with ONCE=1
	@$(GO) build -o bin/demo ./hack/demo
	@KUBEBUILDER_ASSETS="$(ASSETS)" bin/demo

.PHONY: test
test: ## Run all tests against a real API server (TEST=./internal/seat TESTFLAGS=-v for some, RACE=1 for races)
	@assets="$(ASSETS)" && export KUBEBUILDER_ASSETS="$$assets" && \
	for module in $(TESTED_MODULES); do (cd $$module && $(GO) test ./...) || exit 1; done && \
	$(if $(RACE),go test -race,$(GO) test) -timeout 30m -p $(TEST_JOBS) $(TEST) $(TESTFLAGS)

.PHONY: pictures
pictures: controlplane ## Take the pictures in docs/images anew, by the tests that look at every page (needs chromium)
	@KUBEBUILDER_ASSETS="$(ASSETS)" $(GO) test ./internal/test/journey -count=1 -run 'EveryPage|OwnColour|Profile|ChangeOfAddress'
	@$(GO) test ./internal/message -count=1 -run InABrowser
	@for picture in docs/images/*.png; do cp "dist/screens/$${picture##*/}" docs/images/ || exit 1; done

# Schedules of the simulation, and the first one's seed.
SEEDS ?= 10000
FROM ?= 0

.PHONY: simulate
simulate: ## Run the reconcilers in the simulated world (SEEDS=100000 FROM=1)
	@$(GO) run ./hack/simulate -seeds $(SEEDS) -from $(FROM)

.PHONY: prove
prove: controlplane ## Run every reliability harness in full and print its table (hours; PROVEFLAGS="-race-seeds 2 -walks 50" for less)
	@KUBEBUILDER_ASSETS="$(ASSETS)" PROVE=full $(GO) test ./internal/test/prove -count=1 -timeout 0 -v $(PROVEFLAGS)

# What to measure, such as BENCHFLAGS="-n 1000 -lines rollout -shapes one"; bin/bench -help lists all.
BENCHFLAGS ?=

.PHONY: bench
bench: controlplane build ## Measure the manager and print tables (hours; BENCHFLAGS=-short for minutes, BENCHFLAGS=-write for docs/performance.md)
	@$(GO) build -o bin/bench ./hack/bench
	@KUBEBUILDER_ASSETS="$(ASSETS)" bin/bench $(BENCHFLAGS)

##@ Build

.PHONY: build
build: ## Build bin/manager (and bin/kubectl-usher)
	@for program in cmd/*; do \
		echo "building bin/$${program#cmd/}"; \
		$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o "bin/$${program#cmd/}" "./$$program" || exit 1; \
	done

.PHONY: controlplane
controlplane: ## Get etcd, kube-apiserver and kubectl for tests and the demo (downloaded, else built once)
	@hack/controlplane/assets.sh >/dev/null

.PHONY: build-installer
build-installer: overlay ## Write dist/install.yaml (IMG=…, PORTAL_URL=https://…)
	@$(KUSTOMIZE) dist/overlay >dist/install.yaml
	@echo "dist/install.yaml installs $(IMG)"

##@ Develop

.PHONY: generate
generate: ## Write the deep copies of the API types
	@$(GO) tool controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: ## Write the CRDs from api/
	@$(GO) tool controller-gen crd paths=./api/... output:crd:dir=config/crd/bases

.PHONY: lint
lint: ## Run golangci-lint with kube-api-linter (built once from hack/lint)
	@lint="$(LINT)" && CGO_ENABLED=0 "$$lint" run

.PHONY: verify
verify: ## Check generated files, manifests, modules, the words of comments and texts, gofmt, vet and lint
	@before=$$(find $(GENERATED) -type f -exec cksum {} + | sort) && \
	$(MAKE) --no-print-directory generate manifests && \
	after=$$(find $(GENERATED) -type f -exec cksum {} + | sort) && \
	if [ "$$before" != "$$after" ]; then \
		git --no-pager diff --stat -- $(GENERATED) || true; \
		echo "verify: generated files were out of date; commit what 'make generate manifests' just wrote" >&2; exit 1; \
	fi
	@echo "verify: generated files are current"
	@for dir in config/default config/samples config/tenant config/webhook; do $(KUSTOMIZE) $$dir >/dev/null || exit 1; done
	@echo "verify: manifests build"
	@for dir in . $(patsubst %/go.mod,%,$(wildcard hack/*/go.mod)); do (cd $$dir && go mod tidy -diff) || { \
		echo "verify: run 'go mod tidy' in $$dir" >&2; exit 1; }; done
	@echo "verify: modules are tidy"
	@unformatted=$$(gofmt -l api cmd hack internal) && [ -z "$$unformatted" ] || { \
		echo "verify: run 'gofmt -w' on:" $$unformatted >&2; exit 1; }
	@$(GO) run ./hack/words
	@echo "verify: no word is used that hack/words/list.go replaces"
	@$(GO) vet ./...
	@$(MAKE) --no-print-directory lint
	@echo "verify: vet, gofmt and lint found nothing"

.PHONY: vulncheck
vulncheck: ## Report the known vulnerabilities that the programs can reach
	@hack/vulncheck/run.sh

.PHONY: sbom
sbom: ## Write a software bill of materials for each program to dist/, and check the licences in it
	@hack/sbom/run.sh

.PHONY: reproducible
reproducible: ## Build the manager twice, from the last commit, and compare
	@hack/reproducible.sh

##@ Install into the current cluster

.PHONY: install
install: ## Install the CRDs
	@$(KUSTOMIZE) config/crd | "$(KUBECTL)" apply --server-side --filename -

.PHONY: deploy
deploy: overlay ## Install the CRDs, the manager and the portal (IMG=…, PORTAL_URL=https://…, TRUSTED_PROXIES=…, WATCH_NAMESPACES=…)
	@$(KUSTOMIZE) dist/overlay | "$(KUBECTL)" apply --server-side --filename -

.PHONY: undeploy
undeploy: ## Remove the manager; accounts, seats, members and Secrets stay
	@for part in manager portal network rbac guard policy; do \
		$(KUSTOMIZE) config/$$part | "$(KUBECTL)" delete --ignore-not-found --filename - || exit 1; \
	done

# config/default with the chosen settings.
.PHONY: overlay
overlay:
	@mkdir -p dist/overlay
	@hack/overlay.sh "$(IMG)" "$(PORTAL_URL)" "$(TRUSTED_PROXIES)" "$(WATCH_NAMESPACES)" >dist/overlay/kustomization.yaml
	@[ -n "$(PORTAL_URL)" ] || echo "no PORTAL_URL given: Usher sends no mail until --portal-url is set" >&2

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
