// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package kubevirt pins the KubeVirt whose control plane the cluster runs.
package kubevirt

import (
	_ "kubevirt.io/kubevirt/cmd/virt-api"
	_ "kubevirt.io/kubevirt/cmd/virt-controller"
	_ "kubevirt.io/kubevirt/cmd/virt-operator"
	_ "kubevirt.io/kubevirt/tools/manifest-templator"
)
