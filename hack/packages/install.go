// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	// defaultRegistry is the one that the files under package/ name.
	defaultRegistry = "xpkg.example.com/novasphere"

	providerName = "provider" + suffix
	functionName = "function" + suffix
)

// install is what a user applies. Provider and function have the names that
// Crossplane would give them as dependencies of the configuration: it may look
// for those before it knows of these, and two providers of one package block
// each other; and the Composition refers to the function by that name.
const install = `# What installs the packages. Apply examples/provider beside it: what the
# provider, and Crossplane itself, may do.
apiVersion: pkg.crossplane.io/v1
kind: Provider
metadata:
  name: %[1]s
spec:
  package: %[2]s
  runtimeConfigRef:
    name: provider-wukong
---
apiVersion: pkg.crossplane.io/v1
kind: Function
metadata:
  name: %[3]s
spec:
  package: %[4]s
---
apiVersion: pkg.crossplane.io/v1
kind: Configuration
metadata:
  name: %[5]s
spec:
  package: %[6]s
`

// writeInstall writes what installs a configuration beside the packages.
func writeInstall(o options, c configuration) error {
	provider, err := o.place.objectName(providerName)
	if err != nil {
		return err
	}
	function, err := o.place.objectName(functionName)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(install, provider, o.place.tagged(providerName),
		function, o.place.tagged(functionName), c.name, o.place.tagged(c.name))
	file := filepath.Join(o.out, c.installer())
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write what installs %s: %w", c.name, err)
	}
	_, err = fmt.Fprintln(os.Stdout, "wrote", file)
	return err
}
