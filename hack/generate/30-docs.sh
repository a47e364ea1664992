# SPDX-License-Identifier: Apache-2.0

# The reference: a page for each kind, of the definitions that are installed,
# and the page of reasons, of the sources.
mkdir -p docs/reference
rm -f docs/reference/*.md
go run ./hack/generate/reference -out docs/reference package/provider/crds/*.yaml package/*/definition.yaml
go run ./hack/generate/reasons >docs/reference/reasons.md
