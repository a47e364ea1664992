// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// imageServer is where the web server of the cluster is reached, by http and
// by https.
const imageServer = "images.example.com"

// An image is a file on the web server, and the disk that must come of it.
type image struct {
	// path below the server's root.
	path string

	// raw is the oracle: a file with the disk as qemu-img sees it.
	raw string
}

// url of the image, by plain http.
func (i image) url() string { return "http://" + imageServer + "/" + i.path }

// under is its URL under one of the server's special folders: auth, slow (20 MB/s a
// connection), trickle (2 MB/s).
func (i image) under(folder string) string {
	return "http://" + imageServer + "/" + folder + "/" + i.path
}

// secure is its URL by https.
func (i image) secure() string { return "https://" + imageServer + "/" + i.path }

// A shelf is a folder of the web server that a test fills.
type shelf struct{ folder, name string }

func newShelf(t *testing.T) shelf {
	t.Helper()
	folder, err := os.MkdirTemp(setting(t, "WUKONG_WWW"), "e2e-") //nolint:usetesting // It must lie where the cluster's server finds it.
	if err != nil {
		t.Fatalf("cannot make folder: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	// The web server is another user.
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatalf("cannot open folder to the web server: %v", err)
	}
	return shelf{folder: folder, name: filepath.Base(folder)}
}

// put writes a file that is no disk.
func (s shelf) put(t *testing.T, name, content string) image {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o644); err != nil {
		t.Fatalf("cannot write %s: %v", name, err)
	}
	return image{path: s.name + "/" + name}
}

// convert makes an image of a disk with a command whose last argument is the
// image: qemu-img, or a shell.
func (s shelf) convert(t *testing.T, raw, name string, command ...string) image {
	t.Helper()
	run(t, append(command, filepath.Join(s.folder, name))...)
	return image{path: s.name + "/" + name, raw: raw}
}

// qcow2 makes a qcow2 image of a disk with qemu-img's options.
func (s shelf) qcow2(t *testing.T, raw, name string, options ...string) image {
	t.Helper()
	return s.convert(t, raw, name, append(append([]string{"qemu-img", "convert", "-f", "raw", "-O", "qcow2"}, options...), raw)...)
}

// digest is the sha256 of the image file, as DiskImports write it.
func (s shelf) digest(t *testing.T, i image) string {
	t.Helper()
	f, err := os.Open(filepath.Join(s.folder, filepath.Base(i.path)))
	if err != nil {
		t.Fatalf("cannot open image: %v", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatalf("cannot read image: %v", err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// newDisk makes a raw disk: an ext4 file system with files that compress and
// files that do not, and a length that is a multiple of the sector only.
func newDisk(t *testing.T) string {
	t.Helper()
	files := t.TempDir()
	random := make([]byte, 12<<20)
	rand.NewChaCha8(sha256.Sum256([]byte(t.Name()))).Read(random)
	for name, content := range map[string][]byte{
		"random": random,
		"text":   []byte(strings.Repeat("A disk is a long row of bytes. ", 100_000)),
	} {
		if err := os.WriteFile(filepath.Join(files, name), content, 0o600); err != nil {
			t.Fatalf("cannot write %s: %v", name, err)
		}
	}
	raw := filepath.Join(t.TempDir(), "disk.raw")
	run(t, "mkfs.ext4", "-q", "-F", "-d", files, raw, "24m")
	run(t, "truncate", "--size=+1536", raw)
	return raw
}

// newSlowDisk makes a raw disk of random bytes, of which the importer cannot
// skip any: 48 MiB, so that a limit of bandwidth gives a test time to interfere.
func newSlowDisk(t *testing.T) string {
	t.Helper()
	random := make([]byte, 48<<20)
	rand.NewChaCha8(sha256.Sum256([]byte(t.Name()))).Read(random)
	raw := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(raw, random, 0o600); err != nil {
		t.Fatalf("cannot write disk: %v", err)
	}
	return raw
}

func run(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}
