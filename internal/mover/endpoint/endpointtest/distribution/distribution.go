// SPDX-License-Identifier: Apache-2.0

// Package distribution runs a real registry for tests: CNCF distribution, as it
// is pinned for the cluster, with a folder behind it, on loopback; and a proxy
// before it that misbehaves on purpose.
package distribution

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/s3test/loopback"
)

// Program returns the registry's path. It is built when it never was, which
// takes half a minute.
func Program(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "run", "github.com/novasphere/provider-wukong/cluster", "path", "registry")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // As everything else is compiled: see the Makefile.
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// program is Program's, asked for once by all tests of a package.
var program = sync.OnceValues(func() (string, error) { return Program(context.Background()) })

// A Registry is a running registry.
type Registry struct {
	// Host is its address and port. It speaks plain http.
	Host string

	// Folder has its content.
	Folder string

	program string
	cmd     *exec.Cmd
}

// Start starts an empty registry, and ends it with the test.
func Start(t *testing.T) *Registry {
	t.Helper()
	return StartIn(t, t.TempDir())
}

// StartIn is Start with a folder of the caller's for the content.
func StartIn(t *testing.T, folder string) *Registry {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("cannot build registry: %v", err)
	}
	r := &Registry{Host: loopback.FreeAddress(t), Folder: folder, program: path}
	r.start(t)
	t.Cleanup(r.Stop)
	return r
}

// Restart ends the registry in the middle of what it does, and starts it with
// the same content at the same address.
func (r *Registry) Restart(t *testing.T) {
	t.Helper()
	r.Stop()
	r.start(t)
}

// Stop kills the registry.
func (r *Registry) Stop() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

func (r *Registry) start(t *testing.T) {
	t.Helper()
	r.cmd = exec.Command(r.program, "-addr", r.Host, "-dir", r.Folder)
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("cannot start registry: %v", err)
	}
	r.wait(t)
}

// wait returns when the registry answers.
func (r *Registry) wait(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if resp, err := http.Get("http://" + r.Host + "/v2/"); err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	t.Fatal("the registry does not answer")
}

// Digest is the digest of a blob.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// A Descriptor names a blob or a manifest.
type Descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    map[string]string `json:"platform,omitempty"`
}

// Push uploads a blob and returns its descriptor.
func (r *Registry) Push(t *testing.T, repository, mediaType string, b []byte) Descriptor {
	t.Helper()
	d := Descriptor{MediaType: mediaType, Digest: Digest(b), Size: len(b)}
	begun := r.do(t, http.MethodPost, "http://"+r.Host+"/v2/"+repository+"/blobs/uploads/", "", nil, http.StatusAccepted)
	u, err := url.Parse(begun.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("digest", d.Digest)
	u.RawQuery = q.Encode()
	r.do(t, http.MethodPut, u.String(), "application/octet-stream", b, http.StatusCreated)
	return d
}

// Tag uploads a manifest, or an index, under a tag and returns its descriptor.
func (r *Registry) Tag(t *testing.T, repository, tag string, manifest map[string]any) Descriptor {
	t.Helper()
	manifest["schemaVersion"] = 2
	b, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	mediaType := fmt.Sprint(manifest["mediaType"])
	r.do(t, http.MethodPut, "http://"+r.Host+"/v2/"+repository+"/manifests/"+tag, mediaType, b, http.StatusCreated)
	return Descriptor{MediaType: mediaType, Digest: Digest(b), Size: len(b)}
}

// Manifest returns the manifest of a tag; nil where there is none.
func (r *Registry) Manifest(t *testing.T, repository, tag string) []byte {
	t.Helper()
	return r.get(t, repository+"/manifests/"+tag)
}

// Blob returns a blob; nil where there is none.
func (r *Registry) Blob(t *testing.T, repository, digest string) []byte {
	t.Helper()
	return r.get(t, repository+"/blobs/"+digest)
}

func (r *Registry) get(t *testing.T, path string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Host+"/v2/"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		t.Fatal(err)
	case resp.StatusCode == http.StatusNotFound:
		return nil
	case resp.StatusCode != http.StatusOK:
		t.Fatalf("GET %s: %s: %s", path, resp.Status, b)
	}
	return b
}

// Uploads is how many uploads have begun and not ended. The registry leaves an
// empty folder of one that was ended before it was whole.
func (r *Registry) Uploads(t *testing.T, repository string) int {
	t.Helper()
	files, err := filepath.Glob(r.Folder + "/docker/registry/v2/repositories/" + repository + "/_uploads/*/data")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func (r *Registry) do(t *testing.T, method, url, contentType string, body []byte, want int) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != want {
		t.Fatalf("%s %s: %s: %s", method, url, resp.Status, said)
	}
	return resp
}
