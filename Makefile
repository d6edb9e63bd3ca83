# `make` lists the targets.

CARGO ?= cargo
BYLINE = $(CARGO) run --quiet --release --locked --package byline --
# Articles of the largest publication that `make bench` measures.
SCALE ?= 10000

.DEFAULT_GOAL := help
.PHONY: help run test test-feeds test-clients bench bench-wordpress lint openapi lint-openapi deny

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build, load the demo publication into var/, and serve it on http://127.0.0.1:8080
	$(CARGO) build --release --locked --package byline
	$(BYLINE) demo
	$(BYLINE) serve

test: ## Run the whole suite, on SQLite and on a private PostgreSQL
	@bash .ci/test

test-feeds: ## Let feed readers read the demo's feeds, and check its sitemaps (needs Python and PyPI)
	$(CARGO) build --locked --package byline
	@bash .ci/feeds $${CARGO_TARGET_DIR:-target}/debug/byline

test-clients: ## Let npm's clients for WordPress and Ghost read publications (needs Node and the npm registry)
	$(CARGO) build --locked --package byline
	@bash .ci/clients $${CARGO_TARGET_DIR:-target}/debug/byline

bench: ## Measure Byline beside bare routes into docs/BENCHMARKS.md; SCALE=1000000: a million articles too
	$(CARGO) build --release --locked --package byline --package byline-bench
	$${CARGO_TARGET_DIR:-target}/release/byline-bench run --scale $(SCALE)

bench-wordpress: ## Measure Byline beside WordPress into docs/BENCHMARKS.md (needs Debian's packages; says which)
	$(CARGO) build --release --locked --package byline --package byline-bench
	$${CARGO_TARGET_DIR:-target}/release/byline-bench wordpress

lint: ## Check formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

openapi: ## Write openapi/openapi.json from the code
	@mkdir -p openapi
	$(CARGO) run --quiet --locked --package byline -- openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

lint-openapi: ## Lint the OpenAPI document (needs Node and the npm registry)
	@command -v npx > /dev/null || { echo "make lint-openapi: npx is missing; it comes with Node" >&2; exit 1; }
	npx --yes @redocly/cli lint openapi/openapi.json

deny: ## Check licences and sources of the dependencies (needs cargo-deny)
	$(CARGO) deny --locked check bans licenses sources
