# What people do with this project, a line each. `make` lists them.

KUBECTL ?= kubectl --context=minikube
MINIKUBE ?= minikube
DOCKER ?= docker
IMAGE ?= likewise:latest
KEY := deploy/kubernetes/base/cluster.key

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run reload down local compose image manifests test lint hooks

help: ## List what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' Makefile | awk '{ name = $$1; $$1 = ""; printf "  %-10s%s\n", name, $$0 }'

run: minikube-image $(KEY) ## Bring a cluster of three up on minikube
	$(KUBECTL) apply -k deploy/kubernetes/minikube
	$(KUBECTL) rollout status statefulset/likewise --timeout=5m
	@echo "Likewise is at http://$$($(MINIKUBE) ip):31001; where that can't be reached: $(MINIKUBE) service likewise"

reload: minikube-image ## Build the image anew, and restart the nodes on minikube one after the other
	$(KUBECTL) rollout restart statefulset/likewise
	$(KUBECTL) rollout status statefulset/likewise --timeout=5m

down: ## Take the cluster on minikube down; its volumes and its key stay, and `make run` brings the likes back
	$(KUBECTL) delete statefulset,service,configmap,poddisruptionbudget,networkpolicy,serviceaccount -l app.kubernetes.io/name=likewise

local: ## Run a cluster of three on this machine, with nothing kept
	cargo run --release -- demo

compose: ## Run three nodes, Prometheus and Grafana by Docker Compose
	$(DOCKER) compose -f deploy/compose/compose.yaml up --build

image: ## Build the container image
	$(DOCKER) build -t $(IMAGE) -f deploy/Dockerfile .

manifests: ## Check what Kubernetes would be told; BLESS=1 writes deploy/rendered anew
	.ci/manifests

test: ## Run the tests
	cargo test --workspace

lint: ## Check format and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

hooks: ## Let git check each commit
	git config core.hooksPath .githooks

.PHONY: minikube-image
minikube-image:
	docker=$$($(MINIKUBE) docker-env) && eval "$$docker" && $(DOCKER) build -t $(IMAGE) -f deploy/Dockerfile .

# Made by the image itself, so that it takes no more than minikube to run this.
$(KEY): | minikube-image
	docker=$$($(MINIKUBE) docker-env) && eval "$$docker" && umask 077 && $(DOCKER) run --rm $(IMAGE) keygen > $@
