// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestRun imports every format, by every kind of server, into a file and onto
// a device that holds old data.
func TestRun(t *testing.T) {
	images, disk := fixtures(t)
	device := loop(t, diskBytes+5*mib)
	for i, img := range images {
		if testing.Short() && i%8 != 0 {
			continue // See `make unit`.
		}
		content, err := os.ReadFile(img.path)
		if err != nil {
			t.Fatal(err)
		}
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(content))
		for _, way := range []string{"path", "ranges", "whole", "chunked"} {
			t.Run(img.name+"/"+way, func(t *testing.T) {
				from := img.path
				if way != "path" {
					from = serveBytes(t, way, content)
				}
				to := filepath.Join(t.TempDir(), "disk.img")
				r := run(t, importJob(from, to))
				if !r.Succeeded() {
					t.Fatalf("%s: %s", r.Reason, r.Message)
				}
				same(t, to, disk, diskBytes)
				want := transfer.SourceFacts{
					Digest: digest, ETag: r.Source.ETag, Size: int64(len(content)),
					Format: img.format, Compression: img.compression, VirtualSize: diskBytes,
				}
				if diff := cmp.Diff(want, r.Source); diff != "" {
					t.Errorf("source: -want, +got:\n%s", diff)
				}
				if way == "ranges" && r.FetchedBytes > int64(len(content))*101/100+tables(img.name) {
					t.Errorf("fetched: got %d bytes of a file of %d", r.FetchedBytes, len(content))
				}
				if r.Attempts != 1 {
					t.Errorf("attempts: got %d, want 1", r.Attempts)
				}

				if way != "ranges" && img.name != "unordered" {
					return
				}
				r = run(t, importJob(from, device))
				if !r.Succeeded() {
					t.Fatalf("onto a device: %s: %s", r.Reason, r.Message)
				}
				same(t, device, disk, diskBytes+5*mib)
			})
		}
	}
}

// tables is how many bytes of small tables and answers' heads an image of the
// sample may cost beyond the one percent: those with small clusters have many.
func tables(name string) int64 {
	if strings.Contains(name, "512") || name == "sectors" {
		return 4 * diskBytes / 512 * 8
	}
	return 256 * kib
}

func TestRunChecksums(t *testing.T) {
	disk := sample()
	from := serveBytes(t, "ranges", disk)
	for name, sum := range map[string]string{
		"sha256": fmt.Sprintf("sha256:%x", sha256.Sum256(disk)),
		"sha512": fmt.Sprintf("sha512:%x", sha512.Sum512(disk)),
		"md5":    fmt.Sprintf("md5:%x", md5.Sum(disk)),
	} {
		to := filepath.Join(t.TempDir(), "disk.img")
		j := importJob(from, to)
		j.Verification.Checksum = sum
		r := run(t, j)
		if !r.Succeeded() || r.Checksum != sum {
			t.Errorf("%s: got %s %s, checksum %q, want %q", name, r.Reason, r.Message, r.Checksum, sum)
		}
		same(t, to, disk, diskBytes)
	}
}

// TestRunSizes pads the disk to the size that was asked for.
func TestRunSizes(t *testing.T) {
	disk := sample()[:10*mib+100]
	for name, way := range map[string]string{"Known": "ranges", "Unknown": "chunked"} {
		for _, size := range []int64{0, 10*mib + 512, 10*mib + 4096, 11 * mib} {
			to := filepath.Join(t.TempDir(), "disk.img")
			j := importJob(serveBytes(t, way, disk), to)
			j.Destination.Size = size
			r := run(t, j)
			if !r.Succeeded() {
				t.Fatalf("%s, %d: %s: %s", name, size, r.Reason, r.Message)
			}
			want := max(size, 10*mib+512)
			if r.DiskSize != want {
				t.Errorf("%s, %d: disk size: got %d, want %d", name, size, r.DiskSize, want)
			}
			same(t, to, disk, want)
		}
	}
}

func TestRunWatched(t *testing.T) {
	var seen []transfer.Progress
	var ended []bool
	o := mover.Options{Watch: func(snapshot func() transfer.Progress, _ <-chan struct{}) func(bool) {
		seen = append(seen, snapshot())
		return func(succeeded bool) {
			seen = append(seen, snapshot())
			ended = append(ended, succeeded)
		}
	}}
	disk := sample()
	to := filepath.Join(t.TempDir(), "disk.img")
	mover.Run(t.Context(), importJob(serveBytes(t, "ranges", disk), to), o)
	if diff := cmp.Diff([]bool{true}, ended); diff != "" {
		t.Fatalf("ended: -want, +got:\n%s", diff)
	}
	last := seen[len(seen)-1]
	if last.TransferredBytes != diskBytes || last.TotalBytes != diskBytes {
		t.Errorf("at the end: got %d of %d bytes, want %d", last.TransferredBytes, last.TotalBytes, diskBytes)
	}
}

func TestInspect(t *testing.T) {
	images, _ := fixtures(t, "raw", "zlib", "raw-xz", "plain-zstd")
	for _, img := range images {
		in := mover.Inspect(t.Context(), importJob(serve(t, "ranges", img.path), os.DevNull))
		if in.Refused != nil {
			t.Errorf("%s: refused: %s", img.name, in.Refused.Message)
			continue
		}
		size := int64(diskBytes)
		if img.format == transfer.FormatRaw && img.compression != "" {
			size = 0 // Only a whole read tells.
		}
		got := []any{in.Source.Format, in.Source.Compression, in.Source.VirtualSize, in.Ranges}
		want := []any{img.format, img.compression, size, true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", img.name, diff)
		}
		if known := in.AllocatedBytes > 0; known != (img.format == transfer.FormatQCOW2 && img.compression == "") {
			t.Errorf("%s: allocated bytes: got %d", img.name, in.AllocatedBytes)
		}
	}
	in := mover.Inspect(t.Context(), importJob(serveBytes(t, "ranges", []byte("<html><body>Not a disk</body></html>")), os.DevNull))
	if in.Refused == nil || in.Refused.Reason != transfer.ReasonFormatRefused {
		t.Errorf("a web page: got %+v", in.Refused)
	}
}

// TestRunScattered imports an image of the smallest clusters, whose tables
// would cost thousands of requests: it is read in one pass.
func TestRunScattered(t *testing.T) {
	// Fewer than 128 MiB would have few tables.
	disk := bytes.Repeat([]byte("a table for every 64 clusters. "), 5<<20)
	image := qcow2(t, disk, "-o", "cluster_size=512")
	requests := atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("ETag", `"one"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(image))
	}))
	defer s.Close()
	to := filepath.Join(t.TempDir(), "disk.img")
	r := run(t, importJob(s.URL, to))
	if !r.Succeeded() {
		t.Fatalf("%s: %s", r.Reason, r.Message)
	}
	same(t, to, disk, int64(len(disk)))
	if n := requests.Load(); n > 200 {
		t.Errorf("requests: got %d for %d MiB", n, len(image)/mib)
	}
}

// TestRunFrames imports a raw image under zstd by its seek table, and as a
// stream where it cannot be used; no frame is taken for another.
func TestRunFrames(t *testing.T) {
	folder := t.TempDir()
	from, packed := filepath.Join(folder, "disk"), filepath.Join(folder, "disk.zst")
	disk := slices.Concat(endpointtest.Content(8, 6*mib), make([]byte, 9*mib), bytes.Repeat([]byte("some text; "), 700_000))
	disk = disk[:len(disk)/512*512]
	if err := os.WriteFile(from, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, exportJob(from, packed, transfer.ArtifactRaw, transfer.CompressionZstd)); !r.Succeeded() {
		t.Fatalf("%s: %s", r.Reason, r.Message)
	}
	whole, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	const footer, entry = 9, 8 // of the seek table
	last := len(whole) - footer - entry
	for name, tc := range map[string]struct {
		way    string
		change func(p []byte)
		known  bool // the size, before a byte is fetched
		want   transfer.Reason
	}{
		"Table":    {way: "ranges", known: true},
		"Stream":   {way: "whole"},
		"NoTable":  {way: "ranges", change: func(p []byte) { p[len(p)-1] ^= 1 }},
		"Unlikely": {way: "ranges", change: func(p []byte) { p[last] ^= 1 }},
		"Lie":      {way: "ranges", change: func(p []byte) { p[last+4] ^= 1 }, known: true, want: transfer.ReasonImageCorrupt},
		"Damaged":  {way: "ranges", change: func(p []byte) { p[len(p)/3] ^= 1 }, known: true, want: transfer.ReasonImageCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			p := bytes.Clone(whole)
			if tc.change != nil {
				tc.change(p)
			}
			to := filepath.Join(t.TempDir(), "disk.img")
			job := importJob(serveBytes(t, tc.way, p), to)
			if in := mover.Inspect(t.Context(), job); (in.Source.VirtualSize > 0) != tc.known {
				t.Errorf("before: the size is said to be %d", in.Source.VirtualSize)
			}
			r := run(t, job)
			if r.Reason != tc.want {
				t.Fatalf("got %q, %s; want %q", r.Reason, r.Message, tc.want)
			}
			if tc.want == "" {
				same(t, to, disk, int64(len(disk)))
			} else if _, err := os.Stat(to); err == nil {
				t.Error("something is there")
			}
		})
	}
}
