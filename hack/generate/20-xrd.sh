# SPDX-License-Identifier: Apache-2.0

# The CompositeResourceDefinition of the configuration package, from the Go
# types of apis/vm.
controller_gen=$(go -C hack/tools tool -n controller-gen)
"$controller_gen" crd:crdVersions=v1 paths=./apis/vm/... output:crd:stdout |
	go run ./hack/generate/xrd -composition wukong >package/configuration/definition.yaml.new
mv package/configuration/definition.yaml.new package/configuration/definition.yaml
