// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// maxExportRSS is what an export may need, whatever the size of the disk.
const maxExportRSS = 384 * mib

// unasked is what the kernel may write in the name of a process that writes
// nothing, in bytes: when it has read a file, the file's time of access changes.
const unasked = 64 << 10

// aLargeDisk is a sparse disk with data at some offsets.
func aLargeDisk(t *testing.T, size, length, every, end int64) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data := noise(int(length))
	for off := int64(0); off < end; off += every {
		if _, err := f.WriteAt(data, off); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExportMemory exports a disk much larger than memory may be, with the
// program as it is shipped. What goes elsewhere (hundreds of MiB) is written
// nowhere here, and is brought back.
func TestExportMemory(t *testing.T) {
	from := aLargeDisk(t, 4096*mib, 3*mib, 32*mib, 4096*mib)
	folder := t.TempDir()
	s := bucket(t)
	cases := map[string]struct {
		to    string
		flags []string
		away  bool // to another machine, as it were
	}{
		"QCOW2Zstd": {filepath.Join(folder, "zstd.qcow2"), nil, false},
		"QCOW2Zlib": {filepath.Join(folder, "zlib.qcow2"), []string{"--compression", "zlib"}, false},
		"QCOW2None": {filepath.Join(folder, "none.qcow2"), []string{"--compression", "none"}, false},
		"RawZstd":   {filepath.Join(folder, "disk.raw.zst"), nil, false},
		"S3":        {"s3://" + versity.Bucket + "/disk.qcow2", []string{"--endpoint-url", s.URL}, true},
		"S3RawZstd": {"s3://" + versity.Bucket + "/disk.raw.zst", []string{"--endpoint-url", s.URL}, true},
		"Registry":  {"docker://" + distribution.Start(t).Host + "/vms/one:v1", nil, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := call(t, append([]string{"export", from, tc.to}, tc.flags...)...)
			r := e.result(t)
			if !r.Succeeded() {
				t.Fatalf("%s: %s", r.Reason, r.Message)
			}
			needed(t, e)
			if r.ScratchBytes != 0 || tc.away && e.most.written > unasked {
				t.Errorf("wrote %d bytes, and tells of %d, beside the artifact", e.most.written, r.ScratchBytes)
			}
			if tc.away {
				broughtBack(t, tc.to, tc.flags, r.Artifact.ContentDigest)
			}
		})
	}
}

// broughtBack imports an artifact with as little memory as over HTTP, and compares
// the disk with the one that was exported.
func broughtBack(t *testing.T, from string, flags []string, content string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "disk.img")
	e := call(t, append([]string{"import", from, to}, flags...)...)
	if r := e.result(t); !r.Succeeded() {
		t.Fatalf("import: %s: %s", r.Reason, r.Message)
	}
	t.Logf("import: peak RSS %d MiB", e.most.rss/mib)
	if e.most.rss == 0 || e.most.rss > maxRSS {
		t.Errorf("import: peak RSS is %d MiB, want at most %d MiB", e.most.rss/mib, maxRSS/mib)
	}
	if got := call(t, "digest", to).stdout; got != content+"  "+to+"\n" {
		t.Errorf("the disk came back as another: %s, want %s", got, content)
	}
}

// needed checks what memory an export needed.
func needed(t *testing.T, e ended) {
	t.Helper()
	t.Logf("peak RSS %d MiB", e.most.rss/mib)
	if e.most.rss == 0 || e.most.rss > maxExportRSS {
		t.Errorf("peak RSS is %d MiB, want at most %d MiB", e.most.rss/mib, maxExportRSS/mib)
	}
}

// TestExportMemoryOfLargeParts exports a device so large that its parts have the
// largest size, until every part's place in memory has been used more than once.
func TestExportMemoryOfLargeParts(t *testing.T) {
	const part = 127*mib + 4096
	from := aLargeDisk(t, 1_265_000*mib, 640*mib, 640*mib, 640*mib) // as long as a raw object can be
	out, err := exec.CommandContext(t.Context(), "losetup", "--find", "--show", from).Output()
	if err != nil {
		t.Fatalf("cannot make a loop device: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "--detach", device).Run() })
	p := versity.NewProxy(t, bucket(t))
	for _, format := range []string{"raw", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			var parts atomic.Int64
			enough := make(chan struct{})
			p.Set(func(_ http.ResponseWriter, r *http.Request) bool {
				if !versity.IsPart(r) {
					return false
				}
				if r.ContentLength != part {
					t.Errorf("a part has %d bytes, want %d", r.ContentLength, part)
				}
				if parts.Add(1) == 3 {
					close(enough)
				}
				return false
			})
			cmd, wait := start(t, "", "export", device, "s3://"+versity.Bucket+"/disk."+format, "--format", format, "--endpoint-url", p.URL)
			over := make(chan ended, 1)
			go func() { over <- wait() }()
			select {
			case <-enough:
				_ = cmd.Process.Kill()
				needed(t, <-over)
			case e := <-over:
				t.Fatalf("it ended before: %s%s", e.stdout, e.stderr)
			}
		})
	}
}

// bucket starts an S3 server, whose credentials the program finds as those of
// every AWS tool.
func bucket(t *testing.T) *versity.Server {
	t.Helper()
	program, err := versity.Program(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", versity.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", versity.SecretAccessKey)
	return versity.Start(t, program)
}
