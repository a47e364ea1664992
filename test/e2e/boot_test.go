// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	// guestSize is the size that hack/e2e.sh gives the disk that boots.
	guestSize = 64 << 20

	prompt = "wukong# "
)

// TestBoot imports a disk with a boot loader, a kernel and a root file system,
// and boots what the claim then holds, up to the shell's prompt.
func TestBoot(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	guest := s.qcow2(t, setting(t, "WUKONG_GUEST"), "guest.qcow2", "-c", "-o", "compression_type=zstd")
	n.done(t, n.diskImport(t, "guest", guest.url(), ofSize(guestSize)))

	disk := filepath.Join(t.TempDir(), "claim.raw")
	f, err := os.Create(disk)
	if err != nil {
		t.Fatalf("cannot make file: %v", err)
	}
	if _, err := io.Copy(f, n.content(t, "guest")); err != nil {
		t.Fatalf("cannot copy the claim's content: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatalf("cannot write the claim's content: %v", err)
	}

	c := boot(t, disk)
	c.expect(t, prompt)
	c.write(t, "echo $((6 * 7)) $(ls /)\n")
	c.expect(t, "42 bin data dev")
}

// A console is the serial line of a machine.
type console struct {
	in   io.Writer
	out  io.Reader
	seen bytes.Buffer
}

// boot starts a machine from a disk. It is emulated: /dev/kvm can exist and
// still not work.
func boot(t *testing.T, disk string) *console {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-m", "256", "-nographic", "-nic", "none", "-no-reboot",
		"-drive", "format=raw,if=virtio,file="+disk)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("cannot connect to console: %v", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("cannot connect to console: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start machine: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // It was killed, and says so.
	})
	return &console{in: in, out: out}
}

// expect reads until the machine has written a text after what was expected
// before.
func (c *console) expect(t *testing.T, text string) {
	t.Helper()
	buf := make([]byte, 4096)
	for {
		if _, rest, ok := bytes.Cut(c.seen.Bytes(), []byte(text)); ok {
			c.seen = *bytes.NewBuffer(bytes.Clone(rest))
			return
		}
		n, err := c.out.Read(buf)
		c.seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("cannot find %q on the console: %v\n%s", text, err, c.seen.String())
		}
	}
}

func (c *console) write(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c.in, text); err != nil {
		t.Fatalf("cannot write to console: %v", err)
	}
}
