// SPDX-License-Identifier: Apache-2.0

package spool_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/spool"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const mib = 1 << 20

type kept interface {
	Append(p []byte) error
	ReadAt(p []byte, off int64) error
	Length() int64
	Close() error
}

func TestSpools(t *testing.T) {
	folder := t.TempDir()
	for name, s := range map[string]kept{
		"Memory": spool.NewMemory(5 * mib),
		"File":   spool.NewFile(folder, 5*mib),
	} {
		t.Run(name, func(t *testing.T) {
			var want []byte
			for i, n := range []int{1, mib, 0, mib - 1, 3*mib - 7, 7} {
				p := bytes.Repeat([]byte{byte(i + 1)}, n)
				want = append(want, p...)
				if err := s.Append(p); err != nil {
					t.Fatalf("Append of %d bytes: %v", n, err)
				}
			}
			for _, off := range []int64{0, 1, mib - 1, mib + 1, 4*mib - 5} {
				got := make([]byte, min(mib+3, int64(len(want))-off))
				if err := s.ReadAt(got, off); err != nil || !bytes.Equal(got, want[off:off+int64(len(got))]) {
					t.Errorf("ReadAt(%d bytes, %d): not what was appended: %v", len(got), off, err)
				}
			}
			if err := s.ReadAt(make([]byte, 2), int64(len(want))-1); err == nil {
				t.Error("ReadAt beyond the end: got no error")
			}
			if got, want := transfer.ReasonOf(s.Append(make([]byte, mib))), transfer.ReasonImageTooComplex; got != want {
				t.Errorf("Append over the bound: got %q, want %q", got, want)
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("a spool has no name: got %v, %v", left, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
