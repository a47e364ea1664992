// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// kill runs an export that is killed at a point.
func (h *hub) kill(t *testing.T, disk string, at point) attempt {
	t.Helper()
	var seen atomic.Int64
	dead := make(chan struct{})
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	die := func() {
		kill()
		<-dead
	}
	h.counted(func(_ *distribution.Proxy, _ http.ResponseWriter, q *http.Request) bool {
		switch {
		case seen.Add(1) < at.request:
			return false
		case at.body > 0 && q.Method == http.MethodPatch:
			q.Body = &cutBody{q.Body, at.body, die}
			return false
		}
		die()
		panic(http.ErrAbortHandler)
	})
	a := h.attempt(ctx, t, h.job(disk))
	close(dead)
	if a.err == nil {
		t.Fatalf("the mover was not killed at %+v", at)
	}
	if h.Manifest(t, repository, tag) != nil {
		t.Fatalf("killed at %+v: the tag names something already", at)
	}
	return a
}

// requests is how many requests an undisturbed export makes.
func requests(t *testing.T, layer transfer.Algorithm, disk string, content []byte) (n, size int64) {
	t.Helper()
	h := newHub(t, layer)
	var all atomic.Int64
	h.counted(func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool { all.Add(1); return false })
	r, err := h.push(t.Context(), t, disk)
	h.pushed(t, r, err, content)
	if got := h.sent.Load(); got != r.Artifact.Size {
		t.Errorf("sent %d bytes of a layer of %d", got, r.Artifact.Size)
	}
	return all.Load(), r.Artifact.Size
}

// TestExportToRegistryIsKilled kills the mover at a random request, 20 times, in
// every second chunk in the middle of it: nothing has the tag then, and the next
// attempt, which knows what the first one told, sends what did not arrive.
func TestExportToRegistryIsKilled(t *testing.T) {
	path, content := aDisk(t)
	for _, layer := range layers {
		t.Run(string(layer), func(t *testing.T) {
			t.Parallel()
			n, size := requests(t, layer, path, content)
			var sent, reused int64
			for _, at := range points(5, n-1, 16*mib) { // The last one looks at the tag, which is there then.
				h := newHub(t, layer)
				h.kill(t, path, at)
				reused += h.goesOn(t, path, content, at, size)
				sent += h.sent.Load()
			}
			t.Logf("20 exports of %d MiB, each killed once: %d MiB sent, %d MiB not sent again", size/mib, sent/mib, reused/mib)
			if sent > 20*size*5/4 {
				t.Errorf("sent %d bytes, want little more than %d", sent, 20*size)
			}
		})
	}
}

// goesOn makes an export again that was killed at a point, and returns how many
// bytes of its layer were not sent again.
func (h *hub) goesOn(t *testing.T, path string, content []byte, at point, size int64) (reused int64) {
	t.Helper()
	before := h.sent.Load()
	h.counted(nil)
	r, err := h.push(t.Context(), t, path)
	h.pushed(t, r, err, content)
	if r.ReusedBytes+r.WrittenBytes != size {
		t.Errorf("killed at %+v: the result tells of %d bytes that were not sent again and %d that were, of %d",
			at, r.ReusedBytes, r.WrittenBytes, size)
	}
	// A chunk that comes while the registry still stores what the killed one
	// sent is refused, and sent again in part.
	if after := h.sent.Load() - before; after < r.WrittenBytes || after > r.WrittenBytes+16*mib {
		t.Errorf("killed at %+v: %d bytes were sent, and the result tells of %d", at, after, r.WrittenBytes)
	}
	// A chunk of which the registry keeps nothing is sent again.
	if all := h.sent.Load(); all > size+16*mib {
		t.Errorf("killed at %+v, when %d bytes were sent: %d bytes of %d were sent in all", at, before, all, size)
	}
	if n := h.Uploads(t, repository); n > 0 {
		t.Errorf("killed at %+v: %d uploads are left", at, n)
	}
	return r.ReusedBytes
}

// TestExportToRegistryIsKilledAgain goes on after each of several kills.
func TestExportToRegistryIsKilledAgain(t *testing.T) {
	path, content := aDisk(t)
	_, size := requests(t, "", path, content)
	h := newHub(t, "")
	for range 5 {
		h.kill(t, path, point{6, 9 * mib}) // the first looks, the session, and one or two chunks
	}
	h.counted(nil)
	r, err := h.push(t.Context(), t, path)
	h.pushed(t, r, err, content)
	if all := h.sent.Load(); all > size+5*16*mib || r.ReusedBytes < 3*16*mib {
		t.Errorf("sent %d bytes of %d, and the last attempt %d less", all, size, r.ReusedBytes)
	}
}

// TestExportToRegistryIsAsked ends a mover as an eviction does: the next one goes
// on, though nothing but the result is left of the first.
func TestExportToRegistryIsAsked(t *testing.T) {
	path, content := aDisk(t)
	h := newHub(t, "")
	h.gently = true
	a := h.kill(t, path, point{request: 7})
	if a.result.Reason != transfer.ReasonInterrupted || a.result.Resume == "" {
		t.Fatalf("got %s: %s; it tells %q", a.result.Reason, a.result.Message, a.result.Resume)
	}
	h.write(t, transfer.FileResumeState, a.result.Resume)
	h.counted(nil)
	r, err := h.push(t.Context(), t, path)
	h.pushed(t, r, err, content)
	if r.ReusedBytes < 16*mib {
		t.Errorf("%d bytes were not sent again", r.ReusedBytes)
	}
}

// TestExportToRegistryLosesSession has something happen to an upload between two
// attempts: the layer is begun anew, and that is said.
func TestExportToRegistryLosesSession(t *testing.T) {
	path, content := aDisk(t)
	cases := map[string]struct {
		reason string
		change func(folder string) error
	}{
		"Removed": {"the registry has purged it", os.RemoveAll},
		"Other": {"the registry has other bytes of it", func(folder string) error {
			f, err := os.OpenFile(filepath.Join(folder, "data"), os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("not the disk's"), 5*mib)
			return err
		}},
		"Longer": {"the registry has more than there is", func(folder string) error {
			return os.Truncate(filepath.Join(folder, "data"), 1<<30)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, "")
			h.kill(t, path, point{request: 8})
			uploads, err := filepath.Glob(h.Folder + "/docker/registry/v2/repositories/" + repository + "/_uploads/*")
			if err != nil || len(uploads) != 1 {
				t.Fatalf("there are %d uploads, want one (%v)", len(uploads), err)
			}
			if err := tc.change(uploads[0]); err != nil {
				t.Fatal(err)
			}
			// What the registry has summed up is of what was there.
			_ = os.RemoveAll(filepath.Join(uploads[0], "hashstates"))
			h.counted(nil)
			a := h.attempt(t.Context(), t, h.job(path))
			h.pushed(t, a.result, a.err, content)
			if a.result.ReusedBytes != 0 || !strings.Contains(a.note, "again") {
				t.Errorf("%s: %d bytes were not sent again; it says %q", tc.reason, a.result.ReusedBytes, a.note)
			}
		})
	}
}

// TestExportToRegistryIsRemoved ends the upload that a mover has told of and left.
func TestExportToRegistryIsRemoved(t *testing.T) {
	path, _ := aDisk(t)
	h := newHub(t, "")
	h.kill(t, path, point{request: 8})
	if n := h.Uploads(t, repository); n != 1 {
		t.Fatalf("there are %d uploads, want one", n)
	}
	h.counted(nil)
	job := h.job("")
	job.Operation, job.Source = transfer.OperationRemove, transfer.Source{}
	for range 2 {
		if a := h.attempt(t.Context(), t, job); a.err != nil {
			t.Fatalf("%v: %s", a.err, a.result.Message)
		}
		if n := h.Uploads(t, repository); n != 0 {
			t.Errorf("there are %d uploads, want none", n)
		}
	}
}
