# SPDX-License-Identifier: Apache-2.0

# The CompositeResourceDefinitions of the two configuration packages, from the
# Go types of apis/vm.
controller_gen=$(go -C hack/tools tool -n controller-gen)
crd=$(mktemp)
"$controller_gen" crd:crdVersions=v1 paths=./apis/vm/... output:crd:stdout >"$crd"
define() {
	go run ./hack/generate/xrd -composition wukong "$@" <"$crd" >"$file.new"
	mv "$file.new" "$file"
}
file=package/configuration/definition.yaml define
file=package/configuration-claims/definition.yaml define -claims
rm -f "$crd"
