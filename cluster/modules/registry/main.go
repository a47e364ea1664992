// SPDX-License-Identifier: Apache-2.0

// Command registry serves distribution's registry from a folder, over plain
// HTTP, with deletion on. It is the whole protocol: chunked (PATCH) uploads,
// ranges, mounts, referrers' fallback tags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"

	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:5000", "address to listen on")
	dir := flag.String("dir", "", "folder that holds the registry's content")
	flag.Parse()
	if *dir == "" {
		fmt.Fprintln(os.Stderr, "registry: -dir is needed")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *addr, *dir); err != nil && !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, addr, dir string) error {
	config := &configuration.Configuration{
		Version: configuration.CurrentVersion,
		Storage: configuration.Storage{
			"filesystem": configuration.Parameters{"rootdirectory": dir},
			"delete":     configuration.Parameters{"enabled": true},
		},
	}
	config.Log.Level = "warn"
	config.HTTP.Addr = addr
	config.HTTP.Secret = "one process, so nobody else needs it"
	server := &http.Server{Addr: addr, Handler: handlers.NewApp(ctx, config)}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); err != nil {
		return fmt.Errorf("cannot serve %s on %s: %w", dir, addr, err)
	}
	return nil
}
