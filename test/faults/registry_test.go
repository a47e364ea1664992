// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	repository = "vms/one"
	tag        = "v1"
)

// a hub is a real registry behind a proxy that misbehaves.
type hub struct {
	*distribution.Registry

	proxy *distribution.Proxy
}

func newHub(t *testing.T) *hub {
	t.Helper()
	r := distribution.Start(t)
	return &hub{Registry: r, proxy: r.Before(t)}
}

// push runs `mover run` on an export of a disk to the registry. The layer is not
// compressed, so that it has several chunks.
func (h *hub) push(ctx context.Context, t *testing.T, disk string, change func(*transfer.RegistryImage)) (transfer.Result, error) {
	t.Helper()
	image := &transfer.RegistryImage{Image: h.proxy.Host + "/" + repository + ":" + tag}
	if change != nil {
		change(image)
	}
	document, err := json.Marshal(transfer.Job{
		Version: transfer.JobVersion, ID: "faults", Operation: transfer.OperationExport,
		Source: transfer.Source{File: &transfer.FileSource{Path: disk}},
		Artifact: &transfer.Artifact{
			Format: transfer.ArtifactOCI, Compression: transfer.Compression{Algorithm: transfer.CompressionNone}, Registry: image,
		},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return export(ctx, t, file)
}

// pushed checks that the export has ended well, and imports its image.
func (h *hub) pushed(t *testing.T, r transfer.Result, err error, want []byte) {
	t.Helper()
	if err != nil || !r.Succeeded() {
		t.Fatalf("%v: %s: %s", err, r.Reason, r.Message)
	}
	if got := distribution.Digest(h.Manifest(t, repository, tag)); got != r.Artifact.Digest {
		t.Errorf("the tag names %s, the result %s", got, r.Artifact.Digest)
	}
	o := run(t.Context(), t, transfer.Job{
		Source: transfer.Source{Registry: &transfer.RegistryImage{Image: h.Host + "/" + repository + "@" + r.Artifact.Digest}},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	})
	o.succeeded(t, want)
}

// TestExportToRegistryIsKilled kills the mover before a random request, 20
// times: nothing has the tag then, and the next attempt makes the image.
func TestExportToRegistryIsKilled(t *testing.T) {
	path, content := aDisk(t)
	h := newHub(t)
	var n atomic.Int64
	h.proxy.Fault(func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool { n.Add(1); return false })
	r, err := h.push(t.Context(), t, path, nil)
	h.pushed(t, r, err, content)
	random := rand.New(rand.NewPCG(5, 11))
	for range 20 {
		h := newHub(t)
		at := 1 + random.Int64N(n.Load()-1) // the last one looks at the tag, which is there then
		var seen atomic.Int64
		dead := make(chan struct{})
		ctx, kill := context.WithCancel(t.Context())
		h.proxy.Fault(func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
			switch {
			case seen.Add(1) < at:
				return false
			case q.Method == http.MethodPatch && at%2 == 0:
				defer kill()
				p.Cut(w, q, random.Int64N(16*mib))
			}
			kill()
			<-dead
			panic(http.ErrAbortHandler)
		})
		_, err := h.push(ctx, t, path, nil)
		kill()
		close(dead)
		if err == nil {
			t.Fatalf("the mover was not killed at request %d of %d", at, n.Load())
		}
		if h.Manifest(t, repository, tag) != nil {
			t.Fatalf("killed at request %d: the tag names something already", at)
		}
		h.proxy.Fault(nil)
		r, err := h.push(t.Context(), t, path, nil)
		h.pushed(t, r, err, content)
	}
}

func TestExportToRegistryOnABadDay(t *testing.T) {
	path, content := aDisk(t)
	isPatch := func(q *http.Request) bool { return q.Method == http.MethodPatch }
	cases := map[string]struct {
		reason string
		fault  func(t *testing.T, h *hub) func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool
	}{
		"Restarts": {"the registry is killed in the middle of a chunk and started again, twice", func(t *testing.T, h *hub) func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool {
			var n atomic.Int64
			return func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if isPatch(q) && n.Add(1)%2 == 0 && n.Load() < 5 {
					time.AfterFunc(20*time.Millisecond, func() { h.Restart(t) })
					p.Cut(w, q, 7*mib)
				}
				return false
			}
		}},
		"Away": {"it is away for ten seconds", func(*testing.T, *hub) func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool {
			var until atomic.Int64
			return func(_ *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if isPatch(q) {
					until.CompareAndSwap(0, time.Now().Add(10*time.Second).UnixNano())
				}
				if until.Load() == 0 || time.Now().UnixNano() > until.Load() {
					return false
				}
				distribution.Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "later")
				return true
			}
		}},
		"Cut": {"every other chunk breaks off", func(*testing.T, *hub) func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool {
			var n atomic.Int64
			return func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if isPatch(q) && n.Add(1)%2 == 1 {
					p.Cut(w, q, 5*mib)
				}
				return false
			}
		}},
		"Lost": {"the session is lost: all is made again", func(*testing.T, *hub) func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool {
			var n atomic.Int64
			return func(_ *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if !isPatch(q) || n.Add(1) != 3 {
					return false
				}
				distribution.Refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "gone")
				return true
			}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			h.proxy.Fault(tc.fault(t, h))
			r, err := h.push(t.Context(), t, path, nil)
			h.pushed(t, r, err, content)
		})
	}
}

// TestExportToRegistryWithTokens gets a new token every few requests, the
// password is replaced on the way, and no secret is told.
func TestExportToRegistryWithTokens(t *testing.T) {
	path, content := aDisk(t)
	h := newHub(t)
	tokens := &distribution.Tokens{Username: "user", Password: "correct horse", Uses: 3}
	h.proxy.Fault(tokens.Fault)
	folder := t.TempDir()
	write := func(password string) {
		for name, value := range map[string]string{"username": "user", "password": password} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(value), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	login := func(i *transfer.RegistryImage) { i.CredentialsDir = folder }
	write("battery staple")
	r, _ := h.push(t.Context(), t, path, login)
	if r.Reason != transfer.ReasonUnauthorized || strings.Contains(r.Message, "battery") {
		t.Errorf("with a wrong password: got %s: %s", r.Reason, r.Message)
	}
	if n := len(h.proxy.Requests()); n > 3 {
		t.Errorf("with a wrong password: %d requests, want no other try", n)
	}
	write(tokens.Password)
	r, err := h.push(t.Context(), t, path, login)
	if err != nil || !r.Succeeded() {
		t.Fatalf("%v: %s: %s", err, r.Reason, r.Message)
	}
	if n := tokens.Issued(); n < 4 {
		t.Errorf("got %d tokens, want several", n)
	}
	h.pushed(t, r, err, content)
}
