// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package cdi pins the containerized-data-importer that the cluster runs.
package cdi

import (
	_ "kubevirt.io/containerized-data-importer/cmd/cdi-apiserver"
	_ "kubevirt.io/containerized-data-importer/cmd/cdi-cloner"
	_ "kubevirt.io/containerized-data-importer/cmd/cdi-controller"
	_ "kubevirt.io/containerized-data-importer/cmd/cdi-importer"
	_ "kubevirt.io/containerized-data-importer/cmd/cdi-operator"
	_ "kubevirt.io/containerized-data-importer/cmd/cdi-uploadproxy"
	_ "kubevirt.io/containerized-data-importer/cmd/cdi-uploadserver"
	_ "kubevirt.io/containerized-data-importer/tools/cdi-containerimage-server"
	_ "kubevirt.io/containerized-data-importer/tools/cdi-image-size-detection"
	_ "kubevirt.io/containerized-data-importer/tools/cdi-source-update-poller"
	_ "kubevirt.io/containerized-data-importer/tools/manifest-generator"
)
