// SPDX-License-Identifier: Apache-2.0

package block_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/block"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const mib = 1 << 20

// loop makes a block device of content and returns its path, and that of the
// file behind it.
func loop(t *testing.T, content []byte, args ...string) (device, backing string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test makes loop devices, which only root may: run it as root")
	}
	backing = filepath.Join(t.TempDir(), "backing")
	if err := os.WriteFile(backing, content, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(append([]string{"--find", "--show"}, args...), backing)
	out, err := exec.CommandContext(t.Context(), "losetup", args...).Output()
	if err != nil {
		t.Fatalf("cannot make a loop device: %v", err)
	}
	device = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("cannot detach %s: %v: %s", device, err, out)
		}
	})
	return device, backing
}

func aligned(n int, value byte) []byte {
	b := bytes.Repeat([]byte{value}, n+4096)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 4095
	return b[skip : skip+n]
}

func content(t *testing.T, device string) []byte {
	t.Helper()
	b, err := os.ReadFile(device)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func old(n int) []byte { return bytes.Repeat([]byte{0xAA}, n) }

func TestTarget(t *testing.T) {
	for name, args := range map[string][]string{
		"Sector512":  nil,
		"Sector4096": {"--sector-size", "4096"},
		"ReadBehind": {"--direct-io=on"},
	} {
		t.Run(name, func(t *testing.T) {
			device, _ := loop(t, old(32*mib), args...)
			w, err := block.Create(device, 20*mib)
			if err != nil {
				t.Fatal(err)
			}
			if w.Size() != 32*mib {
				t.Errorf("size: got %d, want %d", w.Size(), 32*mib)
			}
			ctx := t.Context()
			steps := []error{
				w.WriteAt(ctx, aligned(mib, 1), 4*mib),
				w.WriteAt(ctx, aligned(512, 2), 8*mib+512), // no block of 4096
				w.WriteAt(ctx, aligned(4096, 3), 9*mib),
				w.Zero(ctx, disk.Extent{Offset: 0, Length: 4 * mib}),
				w.Zero(ctx, disk.Extent{Offset: 5*mib + 512, Length: 3*mib - 1024}),
				w.Sync(ctx),
				w.Commit(20 * mib),
			}
			for i, err := range steps {
				if err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			want := old(32 * mib)
			clear(want[:4*mib])
			copy(want[4*mib:], aligned(mib, 1))
			clear(want[5*mib+512 : 8*mib-512])
			copy(want[8*mib+512:], aligned(512, 2))
			copy(want[9*mib:], aligned(4096, 3))
			if !bytes.Equal(content(t, device), want) {
				t.Error("the device does not hold what was written and zeroed")
			}
		})
	}
}

// TestDiscard wipes what was written, and where a boot loader or a partition
// table would be looked for.
func TestDiscard(t *testing.T) {
	device, _ := loop(t, old(64*mib))
	w, err := block.Create(device, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteAt(t.Context(), aligned(mib, 1), 33*mib); err != nil {
		t.Fatal(err)
	}
	if err := w.Discard(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := content(t, device)
	for _, e := range []disk.Extent{{Offset: 0, Length: mib}, {Offset: 33 * mib, Length: mib}, {Offset: 63 * mib, Length: mib}} {
		if !bytes.Equal(got[e.Offset:e.End()], make([]byte, e.Length)) {
			t.Errorf("the bytes at %d are not wiped", e.Offset)
		}
	}
}

func TestDiscardUntouched(t *testing.T) {
	device, _ := loop(t, old(4*mib))
	w, err := block.Create(device, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Discard(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, device), old(4*mib)) {
		t.Error("a device that nothing was written to was wiped")
	}
}

func TestCreateRefused(t *testing.T) {
	device, _ := loop(t, old(4*mib))
	held, err := block.Create(device, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = block.Create(device, 0)
	if got, want := transfer.ReasonOf(err), transfer.ReasonTargetUnusable; got != want {
		t.Errorf("a device that is in use: got %q (%v), want %q", got, err, want)
	}
	if err := held.Commit(0); err != nil {
		t.Fatal(err)
	}
	_, err = block.Create(device, 4*mib+512)
	if got, want := transfer.ReasonOf(err), transfer.ReasonTargetTooSmall; got != want {
		t.Errorf("a device that is too small: got %q (%v), want %q", got, err, want)
	}
	readOnly, _ := loop(t, old(4*mib), "--read-only")
	_, err = block.Create(readOnly, 0)
	if got, want := transfer.ReasonOf(err), transfer.ReasonTargetUnusable; got != want {
		t.Errorf("a device that cannot be written: got %q (%v), want %q", got, err, want)
	}
}

func TestIsDevice(t *testing.T) {
	device, backing := loop(t, old(mib))
	for path, want := range map[string]bool{device: true, backing: false, os.DevNull: false, "/none": false} {
		if got := block.IsDevice(path); got != want {
			t.Errorf("IsDevice(%s): got %t, want %t", path, got, want)
		}
	}
}

type store struct{}

func (store) Put(t *testing.T, content []byte) disk.File {
	t.Helper()
	device, _ := loop(t, content)
	f, err := block.Open(device)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (store) Missing(t *testing.T) error {
	t.Helper()
	_, err := block.Open(filepath.Join(t.TempDir(), "none"))
	return err
}

// TestSource runs on a device of whole sectors: there is no other.
func TestSource(t *testing.T) {
	want := endpointtest.Content(1, 5*mib+512)
	f := store{}.Put(t, want)
	defer f.Close()
	if got := f.Stat().Size; got != int64(len(want)) {
		t.Fatalf("size: got %d, want %d", got, len(want))
	}
	for _, e := range []disk.Extent{{Offset: 0, Length: int64(len(want))}, {Offset: mib + 1, Length: 77}} {
		got := make([]byte, e.Length)
		if err := disk.ReadAt(t.Context(), f, got, e.Offset); err != nil || !bytes.Equal(got, want[e.Offset:e.End()]) {
			t.Errorf("ReadAt(%v): not what the device holds: %v", e, err)
		}
	}
	err := disk.ReadAt(t.Context(), f, make([]byte, 512), int64(len(want)))
	if got, want := transfer.ReasonOf(err), transfer.ReasonSourceTruncated; got != want {
		t.Errorf("beyond the end: got %q (%v), want %q", got, err, want)
	}
}
