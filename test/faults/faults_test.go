// SPDX-License-Identifier: Apache-2.0

// Package faults runs the mover as a Job does, as a process, against servers
// and links that misbehave: the disk is identical in the end, or the exit code
// says why not and nothing is left behind.
package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const mib = 1 << 20

// mover is the program, built once for all tests.
var mover string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer os.RemoveAll(dir)
	mover = filepath.Join(dir, "mover")
	if out, err := exec.Command("go", "build", "-o", mover, "../../cmd/mover").CombinedOutput(); err != nil {
		log.Printf("cannot build mover: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// sample is a disk: data that cannot be packed, data that can, and holes.
func sample() []byte {
	disk := make([]byte, 24*mib)
	copy(disk[mib:], endpointtest.Content(51, 6*mib))
	copy(disk[10*mib+4096:], bytes.Repeat([]byte("a line of text that repeats itself\n"), 80000))
	copy(disk[20*mib-512:], endpointtest.Content(52, 3*mib))
	return disk
}

// qcow2 packs a disk as a publisher does.
func qcow2(t *testing.T, disk []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	raw, image := filepath.Join(dir, "raw"), filepath.Join(dir, "qcow2")
	if err := os.WriteFile(raw, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, image).CombinedOutput(); err != nil {
		t.Fatalf("cannot make image: %v\n%s", err, out)
	}
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(t *testing.T, p []byte) []byte {
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

func checksum(p []byte) string {
	s := sha256.Sum256(p)
	return "sha256:" + hex.EncodeToString(s[:])
}

// an outcome is how a mover's process ended.
type outcome struct {
	exit   int
	result transfer.Result
	output string
	disk   []byte   // nil when there is none
	left   []string // what else is beside it
}

// run runs `mover run` with a job.
func run(ctx context.Context, t *testing.T, job transfer.Job) outcome {
	t.Helper()
	dir := t.TempDir()
	job.Version, job.ID, job.Operation = transfer.JobVersion, "faults", transfer.OperationImport
	job.Destination.Path = filepath.Join(dir, "disk.img")
	document, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, mover, "run", "--json", file)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("cannot run mover: %v", err)
	}
	o := outcome{exit: cmd.ProcessState.ExitCode(), output: out.String() + log.String()}
	for line := range bytes.Lines(out.Bytes()) {
		if r := transfer.ParseLine(line).Result; r != nil {
			o.result = *r
		}
	}
	o.look(t, dir)
	return o
}

// look reads what is at the destination.
func (o *outcome) look(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "disk.img" {
			o.left = append(o.left, e.Name())
			continue
		}
		if o.disk, err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// succeeded checks that the disk is whole.
func (o *outcome) succeeded(t *testing.T, want []byte) {
	t.Helper()
	if o.exit != transfer.ExitDone || !o.result.Succeeded() {
		t.Fatalf("exit %d, reason %q, want success: %s", o.exit, o.result.Reason, o.result.Message)
	}
	if !bytes.Equal(o.disk, want) {
		t.Errorf("the disk has %d bytes that are not the image's %d", len(o.disk), len(want))
	}
	if len(o.left) > 0 {
		t.Errorf("beside the disk there is %q", o.left)
	}
}

// failed checks the reason, the exit code that goes with it, and that nothing
// is left.
func (o *outcome) failed(t *testing.T, want transfer.Reason) {
	t.Helper()
	if o.result.Reason != want || o.exit != want.ExitCode() {
		t.Errorf("exit %d, reason %q (%s), want exit %d, reason %s", o.exit, o.result.Reason, o.result.Message, want.ExitCode(), want)
	}
	if o.disk != nil || len(o.left) > 0 {
		t.Errorf("a failed transfer leaves a disk of %d bytes and %q", len(o.disk), o.left)
	}
	if o.result.Message == "" || o.result.Advice == "" {
		t.Errorf("message %q and advice %q, want both", o.result.Message, o.result.Advice)
	}
}

// from is a job that reads a URL; a test's server is on loopback.
func from(url string) transfer.Job {
	return transfer.Job{
		Source: transfer.Source{HTTP: &transfer.HTTPSource{URL: url}},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	}
}

// serve starts a server of an image that is tagged.
func serve(t *testing.T, content []byte, ways ...rogue.Way) *rogue.Server {
	t.Helper()
	return rogue.New(t, rogue.File{Content: content, ETag: `"v1"`}, ways...)
}

// random returns lengths below n, the same in every run.
func random(n int64) func() int64 {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(3, 4))
	return func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Int64N(n)
	}
}

func TestSurvives(t *testing.T) {
	t.Parallel()
	disk := sample()
	image := qcow2(t, disk)
	images := map[string][]byte{"raw": disk, "qcow2": image, "qcow2.gz": gzipped(t, image), "raw.gz": gzipped(t, disk)}
	none := func() rogue.Way { return rogue.IgnoreRange(rogue.Always()) }
	every := []string{"raw", "qcow2", "qcow2.gz", "raw.gz"}
	cases := map[string]struct {
		reason string
		of     []string
		ways   func() []rogue.Way
	}{
		"Drops50": {
			"fifty connections that end at random places", every,
			func() []rogue.Way { return []rogue.Way{rogue.Drop(rogue.Between(1, 51), random(600<<10))} },
		},
		"Down": {
			"a server that is down at first and for a while in between", every,
			func() []rogue.Way {
				return []rogue.Way{rogue.Status(rogue.First(3), 503, "starting"), rogue.Status(rogue.Between(3, 9), 502, "restarting")}
			},
		},
		"TooMany": {
			"a server that wants fewer requests", []string{"raw", "qcow2"},
			func() []rogue.Way { return []rogue.Way{rogue.Status(rogue.Between(2, 6), 429, "", "Retry-After", "1")} },
		},
		"Caps": {
			"a cache that gives no more than 300000 bytes at once", []string{"raw", "qcow2"},
			func() []rogue.Way { return []rogue.Way{rogue.Cut(rogue.Always(), 300000)} },
		},
		"SomeWhole": {
			"a balancer before servers with and without ranges", []string{"raw", "qcow2"},
			func() []rogue.Way { return []rogue.Way{rogue.IgnoreRange(rogue.Every(3))} },
		},
		"Expires": {
			"signatures that expire after three requests", []string{"raw", "qcow2"},
			func() []rogue.Way { return []rogue.Way{rogue.Signed("/disk", 3, 403)} },
		},
		"NoRanges": {
			"no ranges, and connections that end at random places, the last one at the end", every,
			func() []rogue.Way { return []rogue.Way{none(), rogue.Drop(rogue.First(4), random(4*mib))} },
		},
		"NoRangesNoLength": {
			"neither ranges nor a length nor a tag that parts could repeat", every,
			func() []rogue.Way {
				return []rogue.Way{none(), rogue.Chunked(rogue.Always()), rogue.Drop(rogue.First(4), random(4*mib))}
			},
		},
		"Everything": {
			"much of it together", every,
			func() []rogue.Way {
				return []rogue.Way{
					rogue.Status(rogue.Every(11), 500, "oops"), rogue.Drop(rogue.Every(4), random(mib)),
					rogue.Cut(rogue.Always(), 700000), rogue.Signed("/disk", 5, 403),
				}
			},
		},
	}
	for name, tc := range cases {
		for _, format := range tc.of {
			t.Run(name+"/"+format, func(t *testing.T) {
				t.Parallel()
				srv := serve(t, images[format], tc.ways()...)
				job := from(srv.URL + "/disk")
				job.Verification.Checksum = checksum(images[format])
				o := run(t.Context(), t, job)
				o.succeeded(t, disk)
				// A whole answer near the file's beginning is used as it is.
				whole := name == "SomeWhole" && len(srv.Requests()) >= 3
				if o.result.Attempts < 2 && name != "Expires" && !whole {
					t.Errorf("%s: one attempt was enough, so that this shows nothing", tc.reason)
				}
			})
		}
	}
}

// TestNothingIsFetchedTwice is about the links on which it matters: what came
// before a break is kept.
func TestNothingIsFetchedTwice(t *testing.T) {
	t.Parallel()
	disk := sample()
	srv := serve(t, disk, rogue.Drop(rogue.Between(1, 41), random(600<<10)))
	o := run(t.Context(), t, from(srv.URL))
	o.succeeded(t, disk)
	// An answer's headers are less than 512 bytes.
	most := int64(len(disk)) + int64(len(disk))/100 + int64(len(srv.Requests()))*512
	if o.result.FetchedBytes > most || o.result.FetchedBytes < int64(len(disk)) {
		t.Errorf("fetched %d bytes of %d, in %d requests, want at most %d", o.result.FetchedBytes, len(disk), len(srv.Requests()), most)
	}
}

func TestStalls(t *testing.T) {
	t.Parallel()
	disk := sample()
	srv := serve(t, disk, rogue.Stall(rogue.Between(2, 4), 1000))
	o := run(t.Context(), t, from(srv.URL))
	o.succeeded(t, disk)
	if o.result.Attempts < 2 {
		t.Error("one attempt was enough, so that this shows nothing")
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	srv := serve(t, sample(), rogue.Drop(rogue.After(2), func() int64 {
		begun <- struct{}{}
		return 100000
	}))
	go func() {
		<-begun
		cancel()
	}()
	o := run(ctx, t, from(srv.URL))
	o.failed(t, transfer.ReasonInterrupted)
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	srv := serve(t, sample(), rogue.Stall(rogue.After(2), 1000))
	job := from(srv.URL)
	if err := job.Limits.Deadline.UnmarshalText([]byte("2s")); err != nil {
		t.Fatal(err)
	}
	o := run(t.Context(), t, job)
	o.failed(t, transfer.ReasonDeadlineExceeded)
}

// secretsIn says which of the secrets stand in a text.
func secretsIn(text string, secrets ...string) error {
	var errs []error
	for _, s := range secrets {
		if strings.Contains(text, s) {
			errs = append(errs, fmt.Errorf("the secret %q is printed", s))
		}
	}
	return errors.Join(errs...)
}
