# SPDX-License-Identifier: Apache-2.0

# Deep copies, the methods of managed resources, and the CRDs of the provider
# package, from the Go types of apis/v1alpha1 and apis/disk.
controller_gen=$(go -C hack/tools tool -n controller-gen)
angryjet=$(go -C hack/tools tool -n angryjet)
header=hack/boilerplate.go.txt

"$controller_gen" object:headerFile=$header paths=./apis/...
for group in ./apis/v1alpha1/... ./apis/disk/...; do
	"$angryjet" generate-methodsets --header-file=$header "$group"
done
rm -f package/provider/crds/*.yaml
"$controller_gen" crd:crdVersions=v1 \
	paths=./apis/v1alpha1/... paths=./apis/disk/... \
	output:crd:artifacts:config=package/provider/crds
