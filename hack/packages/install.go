// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	// defaultRegistry is the one that the files under package/ name.
	defaultRegistry = "ghcr.io/novasphere"

	functionName = "function" + suffix
)

// install is what a user applies. The function has the name that Crossplane
// would give it as a dependency of the configuration, because the Composition
// refers to it by that name.
const install = `# What installs the packages. Apply examples/provider beside it: what the
# provider, and Crossplane itself, may do.
apiVersion: pkg.crossplane.io/v1
kind: Provider
metadata:
  name: provider-wukong
spec:
  package: %[1]s
  runtimeConfigRef:
    name: provider-wukong
---
apiVersion: pkg.crossplane.io/v1
kind: Function
metadata:
  name: %[2]s
spec:
  package: %[3]s
---
apiVersion: pkg.crossplane.io/v1
kind: Configuration
metadata:
  name: configuration-wukong
spec:
  package: %[4]s
`

// writeInstall writes install.yaml beside the packages.
func writeInstall(o options) error {
	function, err := o.place.objectName(functionName)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(install,
		o.place.tagged("provider"+suffix), function, o.place.tagged(functionName), o.place.tagged("configuration"+suffix))
	file := filepath.Join(o.out, "install.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // It is no secret.
		return fmt.Errorf("cannot write install.yaml: %w", err)
	}
	fmt.Fprintln(os.Stdout, "wrote", file)
	return nil
}
