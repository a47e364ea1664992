// SPDX-License-Identifier: Apache-2.0

// Package endpointtest says in tests what an endpoint must do: Run is the
// conformance suite that every source passes, and Faulty is a file that fails
// on purpose.
package endpointtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Store keeps one file for an endpoint to read.
type Store interface {
	// Put keeps content and returns the endpoint's file of it.
	Put(t *testing.T, content []byte) disk.File
}

// A Changer is a Store whose file can change under those who read it.
type Changer interface {
	// Change replaces the content of the file that was put last.
	Change(t *testing.T, content []byte)
}

// An Emptier is a Store that can say what opening nothing gives.
type Emptier interface {
	// Missing opens a file that is not there and returns the error.
	Missing(t *testing.T) error
}

// Content returns n bytes that look random and are the same for each seed.
func Content(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// Run checks that an endpoint keeps the contract of disk.File. newStore is
// called for each check.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	t.Helper()
	checks := map[string]func(t *testing.T, s Store){
		"Stat":         checkStat,
		"Ranges":       checkRanges,
		"Empty":        checkEmpty,
		"BeyondTheEnd": checkBeyondTheEnd,
		"ManyAtOnce":   checkManyAtOnce,
		"CloseEarly":   checkCloseEarly,
		"Cancelled":    checkCancelled,
		"Changed":      checkChanged,
		"Missing":      checkMissing,
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) { check(t, newStore(t)) })
	}
}

// size is not a multiple of anything, and larger than what an endpoint keeps
// in memory. It is small enough for dozens of servers that are slow.
const size = 500<<10 + 123

func put(t *testing.T, s Store, content []byte) disk.File {
	t.Helper()
	f := s.Put(t, content)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("Close(): %v", err)
		}
	})
	return f
}

func checkStat(t *testing.T, s Store) {
	f := put(t, s, Content(1, size))
	st := f.Stat()
	if st.Name == "" {
		t.Error("Stat().Name is empty: messages have nothing to call the file")
	}
	if st.Size != size && st.Size != disk.Unknown {
		t.Errorf("Stat().Size: got %d, want %d or unknown", st.Size, size)
	}
	if st.Ranged && st.Size == disk.Unknown {
		t.Error("Stat(): a file with ranges must have a size")
	}
}

func checkRanges(t *testing.T, s Store) {
	content := Content(2, size)
	f := put(t, s, content)
	cases := map[string]struct{ off, n int64 }{
		"Whole":          {0, size},
		"ToTheEnd":       {0, -1},
		"First":          {0, 1},
		"Nothing":        {7, 0},
		"Head":           {0, 4096},
		"AcrossHead":     {100, 200 << 10},
		"JustBehindHead": {64 << 10, 1000},
		"Middle":         {200<<10 + 1, 100 << 10},
		"MiddleToEnd":    {400<<10 + 3, -1},
		"Last":           {size - 1, 1},
		"LastToEnd":      {size - 1, -1},
		"AtTheEnd":       {size, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := content[tc.off:]
			if tc.n >= 0 {
				want = want[:tc.n]
			}
			got, err := read(t.Context(), f, tc.off, tc.n)
			if err != nil {
				t.Fatalf("Open(%d, %d): %v", tc.off, tc.n, err)
			}
			same(t, got, want)
		})
	}
}

func checkEmpty(t *testing.T, s Store) {
	f := put(t, s, nil)
	for _, n := range []int64{0, -1} {
		got, err := read(t.Context(), f, 0, n)
		if err != nil || len(got) != 0 {
			t.Errorf("Open(0, %d) of an empty file: got %d bytes and %v, want none", n, len(got), err)
		}
	}
	if _, err := read(t.Context(), f, 0, 1); transfer.ReasonOf(err) != transfer.ReasonSourceTruncated {
		t.Errorf("Open(0, 1) of an empty file: got %v, want reason %s", err, transfer.ReasonSourceTruncated)
	}
}

func checkBeyondTheEnd(t *testing.T, s Store) {
	content := Content(3, size)
	f := put(t, s, content)
	for _, off := range []int64{0, 200 << 10, size - 5, size, size + 1, 2 * size} {
		got, err := read(t.Context(), f, off, 2*size)
		if !errors.Is(err, io.ErrUnexpectedEOF) || transfer.ReasonOf(err) != transfer.ReasonSourceTruncated {
			t.Errorf("Open(%d) beyond the end: got %v, want %v with reason %s", off, err, io.ErrUnexpectedEOF, transfer.ReasonSourceTruncated)
		}
		if !bytes.HasPrefix(content[min(off, size):], got) {
			t.Errorf("Open(%d) beyond the end delivers bytes that are not the file's", off)
		}
	}
}

func checkManyAtOnce(t *testing.T, s Store) {
	content := Content(4, size)
	f := put(t, s, content)
	const readers, piece = 8, 32 << 10
	var wg sync.WaitGroup
	errs := make([]error, readers)
	for i := range readers {
		wg.Go(func() {
			for off := int64(i * piece); off < size; off += readers * piece {
				n := min(int64(piece), size-off)
				got, err := read(t.Context(), f, off, n)
				if err == nil && !bytes.Equal(got, content[off:off+n]) {
					err = fmt.Errorf("%d bytes at %d differ", n, off)
				}
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func checkCloseEarly(t *testing.T, s Store) {
	content := Content(5, size)
	f := put(t, s, content)
	for range 3 {
		r, err := f.Open(t.Context(), 0, -1)
		if err != nil {
			t.Fatalf("Open(0, -1): %v", err)
		}
		some := make([]byte, 100<<10)
		if _, err := io.ReadFull(r, some); err != nil {
			t.Fatalf("Read: %v", err)
		}
		same(t, some, content[:len(some)])
		if err := r.Close(); err != nil {
			t.Errorf("Close() before the end: %v", err)
		}
	}
	got, err := read(t.Context(), f, 0, -1)
	if err != nil {
		t.Fatalf("Open(0, -1) after readers that were closed early: %v", err)
	}
	same(t, got, content)
}

func checkCancelled(t *testing.T, s Store) {
	f := put(t, s, Content(6, size))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := f.Open(ctx, 0, -1)
	if err != nil {
		t.Fatalf("Open(0, -1): %v", err)
	}
	defer r.Close()
	cancel()
	if _, err := io.Copy(io.Discard, r); err != nil && transfer.ReasonOf(err) != transfer.ReasonInterrupted {
		t.Errorf("Read after the context has ended: got %v, want %v", err, context.Canceled)
	}
	if _, err := read(ctx, f, 200<<10, 200<<10); err != nil && transfer.ReasonOf(err) != transfer.ReasonInterrupted {
		t.Errorf("Open after the context has ended: got %v, want %v", err, context.Canceled)
	}
}

func checkChanged(t *testing.T, s Store) {
	c, ok := s.(Changer)
	if !ok {
		return
	}
	f := put(t, s, Content(7, size))
	c.Change(t, Content(8, size))
	if _, err := read(t.Context(), f, 200<<10, 200<<10); transfer.ReasonOf(err) != transfer.ReasonSourceChanged {
		t.Errorf("Open of a file that changed: got %v, want reason %s", err, transfer.ReasonSourceChanged)
	}
}

func checkMissing(t *testing.T, s Store) {
	e, ok := s.(Emptier)
	if !ok {
		return
	}
	if err := e.Missing(t); transfer.ReasonOf(err) != transfer.ReasonSourceNotFound {
		t.Errorf("opening what is not there: got %v, want reason %s", err, transfer.ReasonSourceNotFound)
	}
}

// read returns all bytes of a reader, those before an error included.
func read(ctx context.Context, f disk.File, off, n int64) ([]byte, error) {
	r, err := f.Open(ctx, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 8*size))
}

// same compares without printing megabytes.
func same(t *testing.T, got, want []byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
	if bytes.Equal(got, want) {
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("byte %d of %d differs: got %#x, want %#x", i, len(got), got[i], want[i])
		}
	}
}
