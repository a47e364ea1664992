// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestReadBackDamaged has places that keep a byte that is not the one they were
// sent: only reading back finds it.
func TestReadBackDamaged(t *testing.T) {
	from := disks(t)["random"]
	places := map[string]func(t *testing.T, j *transfer.Job){
		"HTTP":     damagedHTTP,
		"S3":       damagedS3,
		"Registry": damagedRegistry,
	}
	for place, put := range places {
		for i, k := range kinds() {
			if testing.Short() && i%2 == 0 {
				continue // See `make unit`.
			}
			if place == "Registry" {
				if k.format != transfer.ArtifactRaw {
					continue // A layer has one format, packed in as many ways as a raw disk.
				}
				k.format = transfer.ArtifactOCI
			}
			t.Run(place+"/"+k.name, func(t *testing.T) {
				j := exportJob(from, "", k.format, k.algorithm)
				j.Artifact.File = nil
				j.Artifact.ReadBack = true
				put(t, j)
				r := run(t, j)
				if r.Reason != transfer.ReasonChecksumMismatch || !strings.Contains(r.Message, "cannot trust the artifact") {
					t.Errorf("got %s: %s; want %s", r.Reason, r.Message, transfer.ReasonChecksumMismatch)
				}
			})
		}
	}
}

// damage changes one byte in the middle of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("cannot damage: %v", err)
		return
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Errorf("cannot damage: %v", err)
	}
}

func damagedHTTP(t *testing.T, j *transfer.Job) {
	s := newTaker(t)
	s.keep = func(content []byte) []byte {
		content = bytes.Clone(content)
		content[len(content)/2] ^= 1
		return content
	}
	j.Artifact.HTTP = &transfer.HTTPUpload{HTTPSource: transfer.HTTPSource{URL: s.URL + "/disk"}}
}

func damagedS3(t *testing.T, j *transfer.Job) {
	program, err := versity.Program(t.Context())
	if err != nil {
		t.Fatalf("cannot build S3 server: %v", err)
	}
	s := versity.Start(t, program)
	p := versity.NewProxy(t, s)
	var once sync.Once
	p.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/disk") && !r.URL.Query().Has("uploads") {
			once.Do(func() { damage(t, filepath.Join(s.Folder, versity.Bucket, "disk")) })
		}
		return false
	})
	j.Artifact.S3 = &transfer.S3Object{Endpoint: p.URL, Bucket: versity.Bucket, Key: "disk", CredentialsDir: versity.Credentials(t)}
}

func damagedRegistry(t *testing.T, j *transfer.Job) {
	r := distribution.Start(t)
	p := r.Before(t)
	var once sync.Once
	p.Fault(func(_ *distribution.Proxy, _ http.ResponseWriter, q *http.Request) bool {
		_, digest, ok := strings.Cut(q.URL.Path, "/blobs/sha256:")
		if !ok || q.Method != http.MethodGet {
			return false
		}
		layer := filepath.Join(r.Folder, "docker", "registry", "v2", "blobs", "sha256", digest[:2], digest, "data")
		if info, err := os.Stat(layer); err == nil && info.Size() > mib {
			once.Do(func() { damage(t, layer) })
		}
		return false
	})
	j.Artifact.Registry = &transfer.RegistryImage{Image: p.Host + "/vm:v1", PlainHTTP: true}
}
