// SPDX-License-Identifier: Apache-2.0

// Command peek serves one file or block device over HTTP, so that a test sees
// what a machine that mounts a volume would see.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: peek FILE")
		os.Exit(2)
	}
	server := &http.Server{Addr: ":8080", Handler: content(os.Args[1]), ReadHeaderTimeout: 10 * time.Second}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "peek:", err)
		os.Exit(1)
	}
}

// content serves a file or, what http.ServeFile refuses, a block device.
func content(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, f)
	}
}
