// SPDX-License-Identifier: Apache-2.0

// Command peek serves one file or block device over HTTP, so that a test sees
// what a machine that mounts a volume would see; under /owner whose it is, under
// /sum the sum of it, and under /digest the sum without the zeros at its end.
// With the word write before it, it writes to it for ever, as a machine would: a
// row of numbers, each in a block of its own, one after the other, round and
// round. With the word copy it copies itself there, as KubeVirt puts the program
// of a containerDisk beside the disk that it is to serve.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peek:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1:
		mux := http.NewServeMux()
		mux.HandleFunc("/", content(args[0]))
		mux.HandleFunc("/owner", owner(args[0]))
		mux.HandleFunc("/sum", sum(args[0]))
		mux.HandleFunc("/digest", digest(args[0]))
		server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		return server.ListenAndServe()
	case len(args) == 2 && args[0] == "write":
		return write(args[1])
	case len(args) == 2 && args[0] == "copy":
		return copyTo(args[1])
	}
	return errors.New("usage: peek [write | copy] FILE")
}

// copyTo copies this program.
func copyTo(path string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
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

// owner serves the user and the group of a file.
func owner(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s := syscall.Stat_t{}
		if err := syscall.Stat(path, &s); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%d:%d", s.Uid, s.Gid)
	}
}

// sum serves the SHA-256 and the length of a file.
func sum(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		h := sha256.New()
		n, err := io.Copy(h, f)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%x %d", h.Sum(nil), n)
	}
}

// digest serves the SHA-256 of a file up to its last byte that is not zero.
func digest(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		h, b, zeros := sha256.New(), make([]byte, 1<<20), make([]byte, 1<<20)
		skipped := 0
		for {
			n, err := io.ReadFull(f, b)
			if data := bytes.TrimRight(b[:n], "\x00"); len(data) > 0 {
				for ; skipped > 0; skipped -= min(skipped, len(zeros)) {
					h.Write(zeros[:min(skipped, len(zeros))])
				}
				h.Write(data)
				n -= len(data)
			}
			skipped += n
			if err != nil {
				break
			}
		}
		fmt.Fprintf(w, "%x", h.Sum(nil))
	}
}
