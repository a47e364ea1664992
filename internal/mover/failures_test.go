// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/mover/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// qcow2 makes a small image with qemu-img and returns its bytes.
func qcow2(t *testing.T, disk []byte, args ...string) []byte {
	t.Helper()
	folder := t.TempDir()
	raw, path := filepath.Join(folder, "raw"), filepath.Join(folder, "qcow2")
	if err := os.WriteFile(raw, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "qemu-img", append(append([]string{"convert", "-f", "raw", "-O", "qcow2"}, args...), raw, path)...)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func packed(t *testing.T, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFailures(t *testing.T) {
	disk := sample()
	image := qcow2(t, disk)
	cases := map[string]struct {
		reason  string
		content []byte
		way     string
		change  func(j *transfer.Job)
		want    transfer.Reason
		says    string // a part of the message
	}{
		"Checksum": {
			reason:  "bytes with another checksum are not kept",
			content: disk,
			change: func(j *transfer.Job) {
				j.Verification.Checksum = "sha256:" + strings.Repeat("0", 64)
			},
			want: transfer.ReasonChecksumMismatch,
		},
		"TooSmallRaw": {
			reason:  "a disk that does not fit is refused, with both sizes",
			content: disk,
			change:  func(j *transfer.Job) { j.Destination.Size = 10 * mib },
			want:    transfer.ReasonTargetTooSmall,
			says:    "13 MiB (13633024 bytes) to",
		},
		"TooSmallQCOW2": {
			reason:  "the virtual size is what counts",
			content: image,
			change:  func(j *transfer.Job) { j.Destination.Size = 10 * mib },
			want:    transfer.ReasonTargetTooSmall,
			says:    "10 MiB (10485760 bytes)",
		},
		"TooSmallPacked": {
			reason:  "a compressed raw image shows its size only as it is unpacked",
			content: packed(t, disk),
			change:  func(j *transfer.Job) { j.Destination.Size = 10 * mib },
			want:    transfer.ReasonTargetTooSmall,
		},
		"PolicySize": {
			reason:  "the policy's size holds",
			content: image,
			change:  func(j *transfer.Job) { j.Policy.MaxVirtualSize = 10 * mib },
			want:    transfer.ReasonPolicyDenied,
		},
		"PolicySizePacked": {
			reason:  "also for what is unpacked",
			content: packed(t, disk),
			change:  func(j *transfer.Job) { j.Policy.MaxVirtualSize = 10 * mib },
			want:    transfer.ReasonPolicyDenied,
		},
		"PolicyChecksum": {
			reason:  "a policy can require a checksum",
			content: image,
			change:  func(j *transfer.Job) { j.Policy.RequireChecksum = true },
			want:    transfer.ReasonPolicyDenied,
		},
		"PolicyForgeable": {
			reason:  "and one that nobody can forge",
			content: image,
			change: func(j *transfer.Job) {
				j.Policy.RequireChecksum = true
				j.Verification.Checksum = crc64nvme.Digest(crc64nvme.Checksum(image))
			},
			want: transfer.ReasonPolicyDenied,
		},
		"CRC": {
			reason:  "a CRC that does not fit",
			content: image,
			change:  func(j *transfer.Job) { j.Verification.Checksum = "crc64nvme:0123456789abcdef" },
			want:    transfer.ReasonChecksumMismatch,
		},
		"CRCTooShort": {
			reason:  "a CRC with a digit less",
			content: image,
			change:  func(j *transfer.Job) { j.Verification.Checksum = "crc64nvme:0123456789abcde" },
			want:    transfer.ReasonInvalidJob,
		},
		"PolicyNetwork": {
			reason:  "without leave nothing is read from loopback",
			content: image,
			change:  func(j *transfer.Job) { j.Policy.Unrestricted = false },
			want:    transfer.ReasonPolicyDenied,
		},
		"Truncated": {
			reason:  "a qcow2 that was cut is not imported",
			content: image[:len(image)/2],
			want:    transfer.ReasonSourceTruncated,
		},
		"TruncatedStream": {
			reason:  "nor one that passes by",
			content: image[:len(image)/2],
			way:     "chunked",
			want:    transfer.ReasonSourceTruncated,
		},
		"TruncatedPacked": {
			reason:  "nor a gzip that was cut",
			content: packed(t, disk)[:mib],
			want:    transfer.ReasonSourceTruncated,
		},
		"WebPage": {
			reason:  "a web page is no disk",
			content: []byte("<!DOCTYPE html><html><body>Sign in</body></html>"),
			want:    transfer.ReasonFormatRefused,
		},
		"WrongFormat": {
			reason:  "the format that was named must be the one that is found",
			content: disk,
			change:  func(j *transfer.Job) { j.Format = transfer.FormatQCOW2 },
			want:    transfer.ReasonFormatRefused,
		},
		"Deadline": {
			reason:  "a deadline ends the transfer",
			content: disk,
			change: func(j *transfer.Job) {
				j.Limits.BytesPerSecond = mib
				j.Limits.Deadline = transfer.Duration(300 * time.Millisecond)
			},
			want: transfer.ReasonDeadlineExceeded,
			says: "the deadline of 300ms has passed",
		},
		"InvalidJob": {
			reason:  "a job that breaks the contract is refused",
			content: disk,
			change:  func(j *transfer.Job) { j.ID = "" },
			want:    transfer.ReasonInvalidJob,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			way := tc.way
			if way == "" {
				way = "ranges"
			}
			folder := t.TempDir()
			j := importJob(serveBytes(t, way, tc.content), filepath.Join(folder, "disk.img"))
			if tc.change != nil {
				tc.change(j)
			}
			r := run(t, j)
			if r.Reason != tc.want || !strings.Contains(r.Message, tc.says) {
				t.Errorf("%s: got %q: %s; want %q: …%s…", tc.reason, r.Reason, r.Message, tc.want, tc.says)
			}
			empty(t, folder)
		})
	}
}

func empty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// TestFailureOnDevice wipes what was written on a device.
func TestFailureOnDevice(t *testing.T) {
	device := loop(t, 40*mib)
	j := importJob(serveBytes(t, "ranges", sample()), device)
	j.Verification.Checksum = "md5:" + strings.Repeat("0", 32)
	if r := run(t, j); r.Reason != transfer.ReasonChecksumMismatch {
		t.Fatalf("got %q: %s", r.Reason, r.Message)
	}
	same(t, device, nil, 40*mib)

	small := loop(t, 10*mib)
	j = importJob(serveBytes(t, "ranges", sample()), small)
	if r := run(t, j); r.Reason != transfer.ReasonTargetTooSmall {
		t.Fatalf("got %q: %s", r.Reason, r.Message)
	}
	same(t, small, bytes.Repeat([]byte{0xAA}, 10*mib), 10*mib)
}

// TestNoSpace fills a small file system, where direct writes are possible and
// where they are not.
func TestNoSpace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test mounts file systems, which only root may: run it as root")
	}
	disk := sample()
	for name, mount := range map[string]func(dir string){
		"tmpfs": func(dir string) { command(t, "mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir) },
		"ext4": func(dir string) {
			device := loop(t, 8*mib)
			command(t, "mkfs.ext4", "-q", "-O", "^has_journal", device)
			command(t, "mount", device, dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mount(dir)
			defer command(t, "umount", dir)
			for what, content := range map[string][]byte{"raw": disk, "qcow2": qcow2(t, disk)} {
				r := run(t, importJob(serveBytes(t, "ranges", content), filepath.Join(dir, "disk.img")))
				if r.Reason != transfer.ReasonOutOfSpace {
					t.Errorf("%s: got %q: %s", what, r.Reason, r.Message)
				}
				if _, err := os.Stat(filepath.Join(dir, "disk.img")); !os.IsNotExist(err) {
					t.Errorf("%s: the disk is there: %v", what, err)
				}
			}
			r := run(t, importJob(serveBytes(t, "ranges", disk[:3*mib]), filepath.Join(dir, "disk.img")))
			if !r.Succeeded() {
				t.Fatalf("a disk that fits: %s: %s", r.Reason, r.Message)
			}
			same(t, filepath.Join(dir, "disk.img"), disk[:3*mib], 3*mib)
		})
	}
}

// TestInterrupted cancels in the middle of a transfer whose server has gone
// silent.
func TestInterrupted(t *testing.T) {
	disk := sample()
	reached := make(chan struct{}, 100)
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if strings.HasPrefix(r.Header.Get("Range"), "bytes=8") {
			reached <- struct{}{}
			<-release
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(disk))
	}))
	defer s.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	folder := t.TempDir()
	go func() {
		<-reached
		cancel()
	}()
	r := mover.Run(ctx, importJob(s.URL, filepath.Join(folder, "disk.img")), mover.Options{})
	if r.Reason != transfer.ReasonInterrupted || r.ExitCode() != transfer.ExitRetry {
		t.Errorf("got %q (exit code %d): %s", r.Reason, r.ExitCode(), r.Message)
	}
	empty(t, folder)
}

// TestSourceChanges has a server whose file is replaced in the middle.
func TestSourceChanges(t *testing.T) {
	disk := sample()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if strings.HasPrefix(r.Header.Get("Range"), "bytes=8") {
			w.Header().Set("ETag", `"two"`)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(disk))
	}))
	defer s.Close()
	folder := t.TempDir()
	if r := run(t, importJob(s.URL, filepath.Join(folder, "disk.img"))); r.Reason != transfer.ReasonSourceChanged {
		t.Errorf("got %q: %s", r.Reason, r.Message)
	}
	empty(t, folder)
}

// TestBusyServer asks for less, and breaks off.
func TestBusyServer(t *testing.T) {
	disk := sample()
	refusals := make(chan struct{}, 3)
	for range cap(refusals) {
		refusals <- struct{}{}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if !strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
			select {
			case <-refusals:
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			default:
			}
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(disk))
	}))
	defer s.Close()
	to := filepath.Join(t.TempDir(), "disk.img")
	r := run(t, importJob(s.URL, to))
	if !r.Succeeded() || r.Attempts != 1+cap(refusals) {
		t.Errorf("got %q: %s, %d attempts, want %d", r.Reason, r.Message, r.Attempts, 1+cap(refusals))
	}
	same(t, to, disk, diskBytes)
}
