// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestExportAgain exports a disk that has been exported before to another
// repository: nothing of it is sent. When a byte of it is another, all of it is.
func TestExportAgain(t *testing.T) {
	from := filepath.Join(t.TempDir(), "disk.img")
	content, err := os.ReadFile(disks(t)["random"])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(from, content, 0o600); err != nil {
		t.Fatal(err)
	}
	p := distribution.Start(t).Before(t)
	layers := func() (n int) {
		for _, r := range p.Requests() {
			if strings.HasPrefix(r, http.MethodPatch) {
				n++
			}
		}
		return n
	}
	for _, a := range transfer.ArtifactOCI.Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			first := exportAgain(t, from, p.Host+"/first/"+strings.ToLower(string(a))+":v1", a, nil)
			before := layers()
			again := exportAgain(t, from, p.Host+"/again/"+strings.ToLower(string(a))+":v2", a, earlierOf(first))
			if got := layers() - before; got != 0 {
				t.Errorf("chunks that were sent of a disk that is the same: got %d, want none", got)
			}
			if !strings.Contains(again.Note, "not sent again") {
				t.Errorf("the note does not say it: %q", again.Note)
			}
			want := first.Artifact
			want.URI = strings.Replace(want.URI, "/first/", "/again/", 1)
			if diff := cmp.Diff(want, again.Artifact); diff != "" {
				t.Errorf("artifact: -want, +got:\n%s", diff)
			}
			importImage(t, again.Artifact.URI, content)

			other := slices.Clone(content)
			other[len(other)/2]++
			changed := filepath.Join(t.TempDir(), "disk.img")
			if err := os.WriteFile(changed, other, 0o600); err != nil {
				t.Fatal(err)
			}
			before = layers()
			third := exportAgain(t, changed, p.Host+"/third/"+strings.ToLower(string(a))+":v3", a, earlierOf(first))
			if layers() == before || third.Artifact.Digest == first.Artifact.Digest || third.Note != "" {
				t.Errorf("a disk that has changed: %d chunks, %+v, note %q", layers()-before, third.Artifact, third.Note)
			}
			importImage(t, third.Artifact.URI, other)
		})
	}
}

// TestExportAgainBroken has a registry that fails at every mount: the disk is sent.
func TestExportAgainBroken(t *testing.T) {
	from := disks(t)["random"]
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	p := distribution.Start(t).Before(t)
	first := exportAgain(t, from, p.Host+"/first/disk:v1", transfer.CompressionZstd, nil)
	p.Fault(func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
		mounts := r.URL.Query().Has("mount")
		if mounts {
			distribution.Refuse(w, http.StatusInternalServerError, "UNKNOWN", "broken")
		}
		return mounts
	})
	again := exportAgain(t, from, p.Host+"/again/disk:v1", transfer.CompressionZstd, earlierOf(first))
	if again.Artifact.Digest != first.Artifact.Digest || again.ReusedBytes != 0 {
		t.Errorf("got %+v with %d bytes not sent again, want %s and none", again.Artifact, again.ReusedBytes, first.Artifact.Digest)
	}
	importImage(t, again.Artifact.URI, content)
}

// exportAgain exports a disk to a registry, and reads it back.
func exportAgain(t *testing.T, from, image string, a transfer.Algorithm, before *transfer.EarlierImage) transfer.Result {
	t.Helper()
	j := exportJob(from, "", transfer.ArtifactOCI, a)
	j.Artifact.File, j.Artifact.ReadBack = nil, true
	j.Artifact.Registry = &transfer.RegistryImage{Image: image, PlainHTTP: true}
	j.Artifact.Earlier, j.Limits.Retries = before, new(1)
	r := run(t, j)
	if r.Reason != "" {
		t.Fatalf("cannot export: %s: %s", r.Reason, r.Message)
	}
	return r
}

func earlierOf(r transfer.Result) *transfer.EarlierImage {
	return &transfer.EarlierImage{Image: strings.TrimPrefix(r.Artifact.URI, "docker://"), ContentDigest: r.Artifact.ContentDigest}
}

func importImage(t *testing.T, uri string, want []byte) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "disk.img")
	j := registryJob(strings.TrimPrefix(uri, "docker://"), to)
	if r := run(t, j); r.Reason != "" {
		t.Fatalf("cannot import: %s: %s", r.Reason, r.Message)
	}
	same(t, to, want, int64(len(want)))
}
