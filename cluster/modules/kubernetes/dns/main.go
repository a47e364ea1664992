// SPDX-License-Identifier: Apache-2.0

// Command dns is CoreDNS with the few plugins that a small cluster needs.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// The order of the plugins in a query's way. The template is last, so that
	// an unknown name is answered with NXDOMAIN instead of a refusal.
	dnsserver.Directives = []string{"bind", "ready", "errors", "cache", "hosts", "kubernetes", "template"}
	coremain.Run()
}
