// SPDX-License-Identifier: Apache-2.0

// Command peek serves one file or block device over HTTP, so that a test sees
// what a machine that mounts a volume would see; under /owner whose it is, under
// /sum the sum of it, under /size its length, and under /digest the sum without
// the zeros at its end. With the word make and a number of bytes before it, it
// first makes the file, as KubeVirt makes the disk of an empty claim, with
// something in it.
// With the word write before it, it writes to it for ever, as a machine would: a
// row of numbers, each in a block of its own, one after the other, round and
// round. With the word copy it copies itself there, as KubeVirt puts the program
// of a containerDisk beside the disk that it is to serve.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
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
		return serve(args[0])
	case len(args) == 3 && args[0] == "make":
		if err := create(args[2], args[1]); err != nil {
			return err
		}
		return serve(args[2])
	case len(args) == 2 && args[0] == "write":
		return write(args[1])
	case len(args) == 2 && args[0] == "copy":
		return copyTo(args[1])
	}
	return errors.New("usage: peek [make BYTES | write | copy] FILE")
}

func serve(path string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/", content(path))
	mux.HandleFunc("/owner", owner(path))
	mux.HandleFunc("/sum", sum(path))
	mux.HandleFunc("/size", size(path))
	mux.HandleFunc("/digest", digest(path))
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

// create makes a disk with a few bytes that nobody else has, and holes
// elsewhere. It has its name when it is whole: a mover may be waiting for it.
func create(path, bytes string) error {
	n, err := strconv.ParseInt(bytes, 10, 64)
	if err != nil {
		return err
	}
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_SYNC, 0o660)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.Reader, 1<<20)
	if err := errors.Join(err, f.Truncate(n), f.Close()); err != nil {
		return err
	}
	return os.Rename(part, path)
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

// size serves the length of a file or a device.
func size(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		n, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%d", n)
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
		h := sha256.New()
		if err := trimmed(h, f); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%x", h.Sum(nil))
	}
}

// trimmed writes a file up to its last byte that is not zero. Holes are not
// read: a disk of 20 GiB with little on it is summed up at once.
func trimmed(w io.Writer, f *os.File) error {
	b, zeros := make([]byte, 1<<20), make([]byte, 1<<20)
	written, at := int64(0), int64(0)
	for {
		n, err := f.ReadAt(b, at)
		if data := bytes.TrimRight(b[:n], "\x00"); len(data) > 0 {
			for ; written < at; written += min(at-written, int64(len(zeros))) {
				w.Write(zeros[:min(at-written, int64(len(zeros)))])
			}
			w.Write(data)
			written += int64(len(data))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if at = afterHole(f, at+int64(n)); at < 0 {
			return nil
		}
	}
}

// afterHole is where data is next at or behind an offset, less than zero when
// there is none (lseek(2), SEEK_DATA). A device does not tell: it is read.
func afterHole(f *os.File, at int64) int64 {
	const seekData = 3
	next, err := syscall.Seek(int(f.Fd()), at, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO):
		return -1
	case err != nil:
		return at
	}
	return next
}
