// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	kib = 1 << 10
	mib = 1 << 20

	// diskBytes is no multiple of a cluster, nor of a unit of the engine.
	diskBytes = 13*mib + 3*512
)

// sample is a disk with text, noise and holes of many lengths.
func sample() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, diskBytes)
	for off := 0; off < len(p); {
		n := min(len(p)-off, 512*(1+random.IntN(1<<uint(random.IntN(12)))))
		part := p[off : off+n]
		switch random.IntN(3) {
		case 0:
			for i := range part {
				part[i] = byte(random.Uint32())
			}
		case 1:
			for i := range part {
				part[i] = "all work and no play "[(i+off/512)%21]
			}
		}
		off += n
	}
	return p
}

// A fixture is an image of the sample.
type fixture struct {
	name        string
	path        string
	format      transfer.Format
	compression string
}

// fixtures makes images of the sample in every format, or in those that are
// named, and the sample.
func fixtures(t *testing.T, only ...string) ([]fixture, []byte) {
	t.Helper()
	folder := t.TempDir()
	disk := sample()
	raw := filepath.Join(folder, "raw")
	if err := os.WriteFile(raw, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	out := []fixture{{"raw", raw, transfer.FormatRaw, ""}}
	for name, options := range map[string]string{
		"plain":       "-o compat=1.1",
		"unordered":   "-m 16 -W",
		"v2":          "-o compat=0.10",
		"zlib":        "-c",
		"zlib-v2":     "-c -o compat=0.10",
		"zlib-mixed":  "-c -m 16 -W -o cluster_size=4k",
		"zstd":        "-c -o compression_type=zstd",
		"sectors":     "-o cluster_size=512",
		"zlib-512":    "-c -o cluster_size=512",
		"large":       "-o cluster_size=2M",
		"zlib-large":  "-c -o cluster_size=2M",
		"zstd-large":  "-c -o cluster_size=2M,compression_type=zstd",
		"subclusters": "-o extended_l2=on",
		"subsmall":    "-o extended_l2=on,cluster_size=16k",
		"allocated":   "-S 0 -o preallocation=metadata",
	} {
		// Others are made of these two.
		if len(only) > 0 && name != "plain" && name != "zlib" {
			continue
		}
		path := filepath.Join(folder, name+".qcow2")
		args := append([]string{"convert", "-f", "raw", "-O", "qcow2"}, strings.Fields(options)...)
		command(t, "qemu-img", append(args, raw, path)...)
		out = append(out, fixture{name, path, transfer.FormatQCOW2, ""})
	}
	for name, from := range map[string]fixture{
		"raw":   out[0],
		"plain": {path: filepath.Join(folder, "plain.qcow2"), format: transfer.FormatQCOW2},
		"zlib":  {path: filepath.Join(folder, "zlib.qcow2"), format: transfer.FormatQCOW2},
	} {
		for suffix, program := range map[string][]string{
			"gzip": {"gzip", "-1", "-c"},
			"xz":   {"xz", "-1", "-T1", "-c"},
			"zstd": {"zstd", "-q", "-c"},
		} {
			if len(only) > 0 && !slices.Contains(only, name+"-"+suffix) {
				continue
			}
			path := from.path + "." + suffix
			packed, err := exec.CommandContext(t.Context(), program[0], append(program[1:], from.path)...).Output()
			if err != nil {
				t.Fatalf("cannot pack with %s: %v", program[0], err)
			}
			if err := os.WriteFile(path, packed, 0o600); err != nil {
				t.Fatal(err)
			}
			out = append(out, fixture{name + "-" + suffix, path, from.format, suffix})
		}
	}
	return out, disk
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if b, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, b)
	}
}

// serve serves the bytes of a file in one of the ways that servers have.
func serve(t *testing.T, way, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return serveBytes(t, way, content)
}

func serveBytes(t *testing.T, way string, content []byte) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		switch way {
		case "ranges":
			w.Header().Set("ETag", `"one"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		case "whole":
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content)
		case "chunked":
			for p := content; len(p) > 0; {
				n := min(len(p), mib)
				_, _ = w.Write(p[:n])
				_ = http.NewResponseController(w).Flush()
				p = p[n:]
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/disk"
}

// importJob is a job that imports a URL or a path.
func importJob(from, to string) *transfer.Job {
	j := &transfer.Job{
		Version: transfer.JobVersion, ID: "test", Operation: transfer.OperationImport,
		Destination: transfer.Destination{Path: to},
		Policy:      transfer.Policy{Unrestricted: true},
	}
	if strings.HasPrefix(from, "http") {
		j.Source.HTTP = &transfer.HTTPSource{URL: from}
	} else {
		j.Source.File = &transfer.FileSource{Path: from}
	}
	return j
}

func run(t *testing.T, j *transfer.Job) transfer.Result {
	t.Helper()
	return mover.Run(t.Context(), j, mover.Options{})
}

// same compares a disk with what it must hold, zeros to its end.
func same(t *testing.T, path string, want []byte, size int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		t.Error(err)
		return
	}
	if int64(len(got)) != size {
		t.Errorf("size of the disk: got %d, want %d", len(got), size)
		return
	}
	all := make([]byte, size)
	copy(all, want)
	if bytes.Equal(got, all) {
		return
	}
	for i := range got {
		if got[i] != all[i] {
			t.Errorf("the disk differs at %d: got %#x, want %#x", i, got[i], all[i])
			return
		}
	}
}

// loop makes a block device of size bytes that holds old data.
func loop(t *testing.T, size int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test makes loop devices, which only root may: run it as root")
	}
	path := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xAA}, size), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "losetup", "--find", "--show", path).Output()
	if err != nil {
		t.Fatalf("cannot make a loop device: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("cannot detach %s: %v: %s", device, err, out)
		}
	})
	return device
}
