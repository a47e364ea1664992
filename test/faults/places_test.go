// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A place is where an artifact goes.
type place struct {
	artifact transfer.Artifact

	// begun has something done when the first bytes of the artifact arrive.
	begun func(do func())

	// named reports whether anything has the artifact's name, and left whether
	// anything of it is there at all.
	named, left func(t *testing.T) bool
}

// places are a file, a bucket and a registry.
var places = map[string]func(t *testing.T) place{"File": filePlace, "S3": s3Place, "Registry": registryPlace}

func filePlace(t *testing.T) place {
	t.Helper()
	to := filepath.Join(t.TempDir(), "disk.qcow2")
	partial := filepath.Join(filepath.Dir(to), ".disk.qcow2.partial")
	return place{
		// It takes a while, so that there is time to do something.
		artifact: fileArtifact(to, transfer.ArtifactQCOW2, transfer.CompressionZlib),
		begun: func(do func()) {
			go func() {
				for _, err := os.Stat(partial); err != nil; _, err = os.Stat(partial) {
					select {
					case <-time.After(time.Millisecond):
					case <-t.Context().Done():
						return
					}
				}
				do()
			}()
		},
		named: func(*testing.T) bool { _, err := os.Stat(to); return err == nil },
		left: func(t *testing.T) bool {
			t.Helper()
			entries, err := os.ReadDir(filepath.Dir(to))
			if err != nil {
				t.Fatal(err)
			}
			return len(entries) > 0
		},
	}
}

func s3Place(t *testing.T) place {
	t.Helper()
	s := newStore(t)
	named := func(t *testing.T) bool { t.Helper(); _, there := s.Object(t, key); return there }
	return place{
		artifact: transfer.Artifact{Format: transfer.ArtifactQCOW2, S3: s.object()},
		begun: func(do func()) {
			var once sync.Once
			s.proxy.Set(func(_ http.ResponseWriter, r *http.Request) bool {
				if versity.IsPart(r) {
					once.Do(do)
				}
				return false
			})
		},
		named: named,
		left:  func(t *testing.T) bool { t.Helper(); return named(t) || s.uploads(t) > 0 || len(s.Unfinished(t)) > 0 },
	}
}

func registryPlace(t *testing.T) place {
	t.Helper()
	h := newHub(t, "")
	named := func(t *testing.T) bool { t.Helper(); return h.Manifest(t, repository, tag) != nil }
	return place{
		artifact: *h.job("").Artifact,
		begun: func(do func()) {
			var once sync.Once
			h.proxy.Fault(func(_ *distribution.Proxy, _ http.ResponseWriter, q *http.Request) bool {
				if q.Method == http.MethodPatch {
					once.Do(do)
				}
				return false
			})
		},
		named: named,
		left:  func(t *testing.T) bool { t.Helper(); return named(t) || h.Uploads(t, repository) > 0 },
	}
}
