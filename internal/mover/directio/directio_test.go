// SPDX-License-Identifier: Apache-2.0

package directio_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/directio"
)

// TestSyncEarly writes to a device that takes every write and cannot be synced:
// a writer is told so after 16 MiB and does not go on to the end.
func TestSyncEarly(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := directio.Open(null, 4096, 1<<30)
	defer f.Close()
	p := make([]byte, 4<<20)
	for i := range int64(3) {
		if err := f.WriteAt(p, i<<22); err != nil {
			t.Fatalf("write %d of 4 MiB: %v", i+1, err)
		}
	}
	if err := f.WriteAt(p, 3<<22); !errors.Is(err, unix.EINVAL) {
		t.Errorf("the write that makes it 16 MiB: got error %v, want that of the sync", err)
	}
	if err := f.WriteAt(p, 4<<22); err != nil {
		t.Errorf("the write after it: %v", err)
	}
}
