// SPDX-License-Identifier: Apache-2.0

//go:build !linux

// Command cluster runs a throwaway cluster, on Linux only. See README.md.
package main

import (
	"fmt"
	"os"

	"github.com/novasphere/provider-wukong/cluster/internal/host"
)

func main() {
	fmt.Fprintln(os.Stderr, "cluster:", host.ErrUnsupported)
	os.Exit(2)
}
