// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// smallDisk is a disk whose layer has two chunks.
func smallDisk(t *testing.T) (path string, content []byte) {
	t.Helper()
	content = endpointtest.Content(59, 20*mib)
	path = filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// phase names a request of an export.
func phase(q *http.Request) string {
	parts := strings.Split(strings.TrimPrefix(q.URL.Path, "/v2/"+repository+"/"), "/")
	if parts[0] == "blobs" && len(parts) > 1 && parts[1] != "uploads" {
		return q.Method + " blob"
	}
	return q.Method + " " + strings.Join(parts[:min(2, len(parts))], " ")
}

// TestExportToRegistryIsCutOff breaks the connection at each request of an export
// in turn, once before the registry hears of it and once before its answer
// arrives. The tag names nothing until the manifest is put.
func TestExportToRegistryIsCutOff(t *testing.T) {
	path, content := smallDisk(t)
	for _, layer := range layers {
		h := newHub(t, layer)
		r, err := h.push(t.Context(), t, path)
		h.pushed(t, r, err, content)
		n := len(h.proxy.Requests())
		if n < 12 {
			t.Fatalf("an export makes %d requests, want several of each kind", n)
		}
		for at := range n {
			for _, heard := range []bool{false, true} {
				if layer != layers[0] && heard != (at%2 == 0) {
					continue // All of it for the default, and one way each for the others.
				}
				t.Run(fmt.Sprintf("%s/%d/%t", layer, at+1, heard), func(t *testing.T) {
					t.Parallel()
					h := newHub(t, layer)
					what := h.cutOff(t, at+1, heard)
					r, err := h.push(t.Context(), t, path)
					h.pushed(t, r, err, content)
					h.wasCutOff(t, what(), r)
				})
			}
		}
	}
}

// cutOff breaks the connection at a request, and returns what tells which one it
// was. The tag names nothing before the manifest is put.
func (h *hub) cutOff(t *testing.T, at int, heard bool) (what func() string) {
	t.Helper()
	var seen atomic.Int64
	var whole atomic.Bool
	var cut atomic.Value
	h.counted(func(p *distribution.Proxy, _ http.ResponseWriter, q *http.Request) bool {
		if !whole.Load() && h.Manifest(t, repository, tag) != nil {
			t.Errorf("the tag names something before %s", phase(q))
		}
		whole.Store(whole.Load() || phase(q) == "PUT manifests "+tag)
		if seen.Add(1) != int64(at) {
			return false
		}
		cut.Store(phase(q))
		if heard {
			p.Swallow(q)
		}
		panic(http.ErrAbortHandler)
	})
	return func() string { s, _ := cut.Load().(string); return s }
}

// wasCutOff checks what an export made of a connection that was cut off.
func (h *hub) wasCutOff(t *testing.T, what string, r transfer.Result) {
	t.Helper()
	if what == "" {
		t.Error("nothing was cut off")
	}
	// A HEAD on a connection that was idle is made again by itself.
	if r.Attempts < 2 && !strings.HasPrefix(what, "HEAD") {
		t.Errorf("%s was cut off, and one attempt was enough", what)
	}
	if n := h.Uploads(t, repository); n > 0 && what != "POST blobs uploads" {
		t.Errorf("%s was cut off: %d uploads are left", what, n)
	}
}

// TestExportToRegistryIsReplaced has another writer give the tag to another image
// in the middle: whoever comes second is told, and the other's stays.
func TestExportToRegistryIsReplaced(t *testing.T) {
	path, _ := smallDisk(t)
	for _, method := range []string{http.MethodPatch, http.MethodPut} {
		t.Run(method, func(t *testing.T) {
			h := newHub(t, "")
			var once atomic.Bool
			h.counted(func(_ *distribution.Proxy, _ http.ResponseWriter, q *http.Request) bool {
				if q.Method == method && once.CompareAndSwap(false, true) {
					config := h.Push(t, repository, "application/vnd.oci.image.config.v1+json", []byte("{}"))
					h.Tag(t, repository, tag, map[string]any{
						"mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []distribution.Descriptor{},
					})
				}
				return false
			})
			r, err := h.push(t.Context(), t, path)
			if err == nil || r.Reason != transfer.ReasonTargetChanged {
				t.Errorf("got %s: %s", r.Reason, r.Message)
			}
			if m := string(h.Manifest(t, repository, tag)); !strings.Contains(m, `"layers":[]`) {
				t.Errorf("the tag names %s", m)
			}
			if n := h.Uploads(t, repository); n > 0 {
				t.Errorf("%d uploads are left", n)
			}
		})
	}
}

// TestExportToRegistryThatRestarts kills the registry at each kind of request that
// changes something, and starts it again on what it has stored.
func TestExportToRegistryThatRestarts(t *testing.T) {
	path, content := smallDisk(t)
	for _, layer := range layers {
		for _, kind := range []string{"POST blobs uploads", "PATCH blobs uploads", "PUT blobs uploads", "PUT manifests " + tag} {
			t.Run(string(layer)+"/"+kind, func(t *testing.T) {
				h := newHub(t, layer)
				var once atomic.Bool
				h.counted(func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
					if phase(q) != kind || !once.CompareAndSwap(false, true) {
						return false
					}
					h.Stop()
					time.AfterFunc(200*time.Millisecond, func() { h.Restart(t) })
					return false
				})
				r, err := h.push(t.Context(), t, path)
				h.pushed(t, r, err, content)
				if !once.Load() || r.Attempts < 2 {
					t.Errorf("killed: %t; %d attempts, want another one after the registry was killed", once.Load(), r.Attempts)
				}
			})
		}
	}
}
