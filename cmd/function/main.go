// SPDX-License-Identifier: Apache-2.0

// Command function serves the composition function function-wukong to
// Crossplane over gRPC. What it decides stands in internal/composition; this
// package translates.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kingpin/v2"
	"github.com/crossplane/function-sdk-go"
)

const (
	mebibyte = 1 << 20

	// heapLimit makes garbage be collected more often while Crossplane asks for
	// many Wukongs at once: what a request needs is small, and lives for
	// milliseconds. GOMEMLIMIT overrides it.
	heapLimit = 56 * mebibyte
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "function-wukong:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	app := kingpin.New("function", "A composition function that makes the disks of a Wukong.")
	var (
		verbose  = app.Flag("debug", "Log each request.").Short('d').Envar("DEBUG").Bool()
		network  = app.Flag("network", "Network to listen on.").Default(function.DefaultNetwork).String()
		address  = app.Flag("address", "Address to listen on.").Default(function.DefaultAddress).String()
		certs    = app.Flag("tls-certs-dir", "Folder with tls.crt, tls.key and ca.crt, the authority of the clients.").Envar("TLS_SERVER_CERTS_DIR").String()
		insecure = app.Flag("insecure", "Serve without TLS; for tests alone.").Bool()
		received = app.Flag("max-recv-message-size", "Largest request in MiB.").Default("4").Int()
	)
	if _, err := app.Parse(args); err != nil {
		return err
	}
	log, err := function.NewLogger(*verbose)
	if err != nil {
		return fmt.Errorf("cannot make logger: %w", err)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
	return serve(&Function{log: log},
		function.Listen(*network, *address),
		function.MTLSCertificates(*certs),
		function.Insecure(*insecure),
		function.MaxRecvMessageSize(*received*mebibyte))
}
