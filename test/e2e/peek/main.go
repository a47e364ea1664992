// SPDX-License-Identifier: Apache-2.0

// Command peek serves one file or block device over HTTP, so that a test sees
// what a machine that mounts a volume would see. With the word write before it,
// it writes to it for ever, as a machine would: a row of numbers, each in a
// block of its own, one after the other, round and round.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "write" {
		fmt.Fprintln(os.Stderr, "peek:", write(os.Args[2]))
		os.Exit(1)
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: peek [write] FILE")
		os.Exit(2)
	}
	server := &http.Server{Addr: ":8080", Handler: content(os.Args[1]), ReadHeaderTimeout: 10 * time.Second}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "peek:", err)
		os.Exit(1)
	}
}

const (
	// blockSize and blocks are the ring of numbers at the beginning of the
	// file, and mark tells them from what was there before.
	blockSize = 4096
	blocks    = 64
	mark      = "peek was here: "
)

// write writes the numbers from 1 on, each only when the one before is durable.
func write(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_SYNC, 0)
	if err != nil {
		return err
	}
	b := make([]byte, blockSize)
	copy(b, mark)
	for n := uint64(1); ; n++ {
		binary.BigEndian.PutUint64(b[len(mark):], n)
		if _, err := f.WriteAt(b, int64(n%blocks)*blockSize); err != nil {
			return errors.Join(err, f.Close())
		}
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
