// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
	dockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	emptyConfig = "application/vnd.oci.empty.v1+json"
)

// A file is one of a layer.
type file struct {
	name    string
	content []byte
}

func tarball(t *testing.T, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Uid: 107, Gid: 107}
		if strings.HasSuffix(f.name, "/") {
			h = &tar.Header{Typeflag: tar.TypeDir, Name: f.name, Mode: 0o755}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, p []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(p, nil)
}

// image pushes a container's image of some layers under a tag.
func image(t *testing.T, r *distribution.Registry, tag, mediaType string, layers ...[]byte) distribution.Descriptor {
	t.Helper()
	var all []distribution.Descriptor
	for _, l := range layers {
		all = append(all, r.Push(t, "vm", mediaType, l))
	}
	config := r.Push(t, "vm", ociConfig, []byte(`{"os":"linux","architecture":"amd64"}`))
	return r.Tag(t, "vm", tag, map[string]any{"mediaType": ociManifest, "config": config, "layers": all})
}

// artifact pushes an artifact with one layer, which has a title where one is
// given.
func artifact(t *testing.T, r *distribution.Registry, tag string, layers ...distribution.Descriptor) {
	t.Helper()
	config := r.Push(t, "vm", emptyConfig, []byte("{}"))
	r.Tag(t, "vm", tag, map[string]any{"mediaType": ociManifest, "config": config, "layers": layers})
}

func titled(d distribution.Descriptor, title string) distribution.Descriptor {
	d.Annotations = map[string]string{"org.opencontainers.image.title": title}
	return d
}

func registryJob(image, to string) *transfer.Job {
	j := importJob("", to)
	j.Source = transfer.Source{Registry: &transfer.RegistryImage{Image: image, Platform: "linux/amd64"}}
	return j
}

// contents are images of the sample, as a layer holds them.
func contents(t *testing.T) (disk []byte, images map[string][]byte) {
	t.Helper()
	all, disk := fixtures(t, "raw-gzip")
	images = map[string][]byte{}
	for _, f := range all {
		if f.compression != "" {
			continue // Nobody compresses what is in a layer.
		}
		b, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		images[f.name] = b
	}
	return disk, images
}

// TestRunRegistry imports every form of an image.
func TestRunRegistry(t *testing.T) {
	disk, images := contents(t)
	r := distribution.Start(t)
	for name, content := range images {
		member := file{"disk/disk.img", content}
		image(t, r, "gzip-"+name, ociLayer+"+gzip", gzipped(t, tarball(t, file{"disk/", nil}, member)))
		image(t, r, "zstd-"+name, ociLayer+"+zstd", zstandard(t, tarball(t, file{"./disk/", nil}, file{"./disk/disk.img", content})))
		image(t, r, "tar-"+name, ociLayer, tarball(t, member))
		artifact(t, r, "title-"+name, titled(r.Push(t, "vm", ociLayer, content), "golden.qcow2"))
	}
	base := gzipped(t, tarball(t, file{"etc/", nil}, file{"etc/hostname", []byte("base\n")}))
	behind := gzipped(t, tarball(t, file{"bin/busybox", sample()[:2*mib]}, file{"disk/a", disk}))
	image(t, r, "layers", dockerLayer, base, behind, base, base)
	image(t, r, "last", dockerLayer, gzipped(t, tarball(t, file{"disk/a", []byte("overridden")})), behind)
	artifact(t, r, "kubevirt", r.Push(t, "vm", "application/vnd.kubevirt.disk.raw+zstd", zstandard(t, disk)))
	artifact(t, r, "podman", titled(r.Push(t, "vm", "application/zstd", zstandard(t, images["plain"])), "machine.x86_64.qcow2.zst"))
	artifact(t, r, "acm", r.Push(t, "vm", "application/vnd.diskimage.raw.gzip", gzipped(t, disk)))

	tags := []string{"layers", "last", "kubevirt", "podman", "acm"}
	for name := range images {
		tags = append(tags, "gzip-"+name, "zstd-"+name, "tar-"+name, "title-"+name)
	}
	for i, tag := range tags {
		if testing.Short() && i%7 != 0 {
			continue // See `make unit`.
		}
		t.Run(tag, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "disk.img")
			got := run(t, registryJob(r.Host+"/vm:"+tag, to))
			if !got.Succeeded() {
				t.Fatalf("%s: %s", got.Reason, got.Message)
			}
			same(t, to, disk, diskBytes)
			if want := distribution.Digest(r.Manifest(t, "vm", tag)); got.Source.ETag != want {
				t.Errorf("validator: got %s, want the manifest's digest %s", got.Source.ETag, want)
			}
			if r.Blob(t, "vm", got.Source.Digest) == nil {
				t.Errorf("digest: got %s, which is no blob's", got.Source.Digest)
			}
		})
	}
}

// TestRunRegistryPlatforms chooses from an index.
func TestRunRegistryPlatforms(t *testing.T) {
	disk := sample()
	r := distribution.Start(t)
	var all []map[string]any
	for i, p := range []map[string]string{
		{"os": "unknown", "architecture": "unknown"},
		{"os": "linux", "architecture": "amd64"},
		{"os": "linux", "architecture": "arm", "variant": "v6"},
		{"os": "linux", "architecture": "arm", "variant": "v7"},
	} {
		d := image(t, r, fmt.Sprint("part", i), ociLayer, tarball(t, file{"disk/disk.img", disk[i*mib : (i+2)*mib]}))
		all = append(all, map[string]any{"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size, "platform": p})
	}
	r.Tag(t, "vm", "index", map[string]any{"mediaType": ociIndex, "manifests": all})

	cases := map[string]struct {
		reason   string
		platform string
		want     int // its place; -1: none
	}{
		"Plain":     {"os and architecture", "linux/amd64", 1},
		"Variant":   {"and the variant", "linux/arm/v7", 3},
		"Any":       {"the first of several variants", "linux/arm", 2},
		"Missing":   {"one that is not there", "linux/s390x", -1},
		"Malformed": {"no platform at all", "linux", -1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "disk.img")
			j := registryJob(r.Host+"/vm:index", to)
			j.Source.Registry.Platform, j.Format = tc.platform, transfer.FormatRaw
			got := run(t, j)
			if tc.want < 0 {
				if got.Succeeded() || tc.platform == "linux/s390x" && !strings.Contains(got.Message, "linux/arm/v6, linux/arm/v7") {
					t.Errorf("%s: got %s %q, want to hear which there are", tc.reason, got.Reason, got.Message)
				}
				return
			}
			if !got.Succeeded() {
				t.Fatalf("%s: %s: %s", tc.reason, got.Reason, got.Message)
			}
			same(t, to, disk[tc.want*mib:(tc.want+2)*mib], 2*mib)
		})
	}
}

// TestRunRegistryRefused names what is wrong with an image.
func TestRunRegistryRefused(t *testing.T) {
	disk := sample()[:2*mib]
	r := distribution.Start(t)
	image(t, r, "two", ociLayer, tarball(t, file{"disk/a.img", disk}, file{"disk/b.img", disk}))
	image(t, r, "none", ociLayer, tarball(t, file{"etc/hostname", []byte("x")}), tarball(t, file{"disk.img", disk}))
	image(t, r, "nowhere", ociLayer, tarball(t, file{"etc/hostname", []byte("x")}))
	image(t, r, "notar", ociLayer, bytes.Repeat([]byte("no archive"), 1000))
	image(t, r, "cut", ociLayer, tarball(t, file{"disk/a.img", disk})[:mib])
	artifact(t, r, "disks",
		titled(r.Push(t, "vm", "application/vnd.kubevirt.disk.raw+zstd", zstandard(t, disk)), "root"),
		titled(r.Push(t, "vm", "application/vnd.kubevirt.disk.raw+zstd", zstandard(t, disk[:mib])), "data"))
	artifact(t, r, "chart", r.Push(t, "vm", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", gzipped(t, tarball(t, file{"Chart.yaml", []byte("name: x")}))))
	whole := image(t, r, "whole", ociLayer, tarball(t, file{"disk/disk.img", disk}))

	cases := map[string]struct {
		reason string
		image  string
		want   transfer.Reason
		says   string
	}{
		"Two":         {"two disks in a layer", "vm:two", transfer.ReasonFormatRefused, `"disk/a.img" and "disk/b.img"`},
		"None":        {"no disk in any layer", "vm:none", transfer.ReasonFormatRefused, "none of its 2 layers has a file in /disk"},
		"NoneInOne":   {"nor in the only one", "vm:nowhere", transfer.ReasonFormatRefused, "has no file in /disk"},
		"NoArchive":   {"a layer that is no archive", "vm:notar", transfer.ReasonImageCorrupt, "cannot read the tar archive"},
		"Cut":         {"an archive that ends early", "vm:cut", transfer.ReasonSourceTruncated, "ends before"},
		"Disks":       {"an artifact of two", "vm:disks", transfer.ReasonFormatRefused, `"root" (application/vnd.kubevirt.disk.raw+zstd), "data"`},
		"Chart":       {"something else", "vm:chart", transfer.ReasonFormatRefused, "application/vnd.cncf.helm.chart"},
		"NoTag":       {"a tag that is not there", "vm:missing", transfer.ReasonSourceNotFound, "MANIFEST_UNKNOWN"},
		"NoImage":     {"nor the repository", "missing:tag", transfer.ReasonSourceNotFound, "404"},
		"Digest":      {"the digest of something else", "vm@" + distribution.Digest(disk), transfer.ReasonSourceNotFound, "404"},
		"NoReference": {"no reference", "VM:", transfer.ReasonInvalidJob, "image reference"},
		"ByDigest":    {"but this is one", "vm@" + whole.Digest, "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "disk.img")
			got := run(t, registryJob(r.Host+"/"+tc.image, to))
			if got.Reason != tc.want || !strings.Contains(got.Message, tc.says) {
				t.Errorf("%s: got %s %q, want %s %q", tc.reason, got.Reason, got.Message, tc.want, tc.says)
			}
			if _, err := os.Stat(to); tc.want != "" && !os.IsNotExist(err) {
				t.Errorf("%s: something was left", tc.reason)
			}
		})
	}
}

// TestRunRegistryFaults imports from a registry that misbehaves.
func TestRunRegistryFaults(t *testing.T) {
	disk := sample()
	r := distribution.Start(t)
	// Its digest is all that shows another byte.
	image(t, r, "v1", ociLayer, tarball(t, file{"disk/disk.img", disk}))

	var stored atomic.Bool // the storage was asked, and got no secret
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		stored.Store(q.Header.Get("Authorization") == "")
		q.URL.Path = strings.TrimPrefix(q.URL.Path, "/signed")
		http.Redirect(w, q, "http://"+r.Host+q.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(storage.Close)
	blobs := func(f func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool) func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool {
		return func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
			return strings.Contains(q.URL.Path, "/blobs/") && f(p, w, q)
		}
	}
	var asked sync.Map
	cases := map[string]struct {
		reason string
		fault  func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool
		want   transfer.Reason
	}{
		"NoRange": {"blobs come whole", blobs(func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
			q.Header.Del("Range")
			p.Forward(noRanges{w}, q)
			return true
		}), ""},
		"Busy": {"every request has to be made twice", func(_ *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
			if _, twice := asked.LoadOrStore(q.Method+q.URL.Path+q.Header.Get("Range"), true); twice {
				return false
			}
			distribution.Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "later")
			return true
		}, ""},
		"OtherHost": {"blobs are stored elsewhere", blobs(func(_ *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
			http.Redirect(w, q, storage.URL+"/signed"+q.URL.Path+"?signature=s3cret", http.StatusTemporaryRedirect)
			return true
		}), ""},
		"OtherBytes": {"a byte of the layer is another", blobs(func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
			p.Forward(&flipped{ResponseWriter: w, at: 9000}, q)
			return true
		}), transfer.ReasonChecksumMismatch},
		"OtherManifest": {"or of the manifest", func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
			if !strings.Contains(q.URL.Path, "/manifests/") {
				return false
			}
			p.Forward(&flipped{ResponseWriter: w, at: 2}, q)
			return true
		}, transfer.ReasonChecksumMismatch},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := r.Before(t)
			p.Fault(tc.fault)
			to := filepath.Join(t.TempDir(), "disk.img")
			got := run(t, registryJob(p.Host+"/vm:v1", to))
			if got.Reason != tc.want {
				t.Fatalf("%s: got %s %q, want %q", tc.reason, got.Reason, got.Message, tc.want)
			}
			if tc.want != "" {
				if _, err := os.Stat(to); !os.IsNotExist(err) {
					t.Errorf("%s: something was left", tc.reason)
				}
				return
			}
			same(t, to, disk, diskBytes)
		})
	}
	if !stored.Load() {
		t.Error("the storage behind the registry was not asked, or was sent credentials")
	}
}

// noRanges hides that a server has ranges.
type noRanges struct{ http.ResponseWriter }

func (n noRanges) WriteHeader(status int) {
	n.Header().Del("Accept-Ranges")
	n.ResponseWriter.WriteHeader(status)
}

// flipped changes one byte of an answer.
type flipped struct {
	http.ResponseWriter

	at int
}

func (f *flipped) Write(p []byte) (int, error) {
	if f.at >= 0 && f.at < len(p) {
		p = bytes.Clone(p)
		p[f.at] ^= 1
	}
	f.at -= len(p)
	return f.ResponseWriter.Write(p)
}

// TestRunRegistryLogin authenticates with tokens that expire all the time, and
// says why it cannot.
func TestRunRegistryLogin(t *testing.T) {
	disk := sample()
	r := distribution.Start(t)
	image(t, r, "v1", ociLayer+"+gzip", gzipped(t, tarball(t, file{"disk/disk.img", disk})))
	const password = "correct horse"
	pair := base64.StdEncoding.EncodeToString([]byte("user:" + password))
	folder := func(files map[string]string) string {
		dir := t.TempDir()
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	cases := map[string]struct {
		reason string
		files  func(host string) map[string]string
		want   transfer.Reason
		says   string
	}{
		"Secret": {"a docker configuration, as Kubernetes mounts it", func(host string) map[string]string {
			return map[string]string{".dockerconfigjson": `{"auths":{"` + host + `":{"auth":"` + pair + `"}}}`}
		}, "", ""},
		"Pair": {"a name and a password", func(string) map[string]string {
			return map[string]string{"username": "user\n", "password": password + "\n"}
		}, "", ""},
		"Other": {"a configuration for another registry", func(string) map[string]string {
			return map[string]string{"config.json": `{"auths":{"example.com":{"auth":"` + pair + `"}}}`}
		}, transfer.ReasonUnauthorized, "no credentials for 127.0.0.1"},
		"Wrong": {"a wrong password", func(string) map[string]string {
			return map[string]string{"username": "user", "password": "battery staple"}
		}, transfer.ReasonUnauthorized, "wrong password REDACTED"},
		"Empty": {"a folder with nothing in it", func(string) map[string]string { return nil },
			transfer.ReasonUnauthorized, `neither ".dockerconfigjson" nor`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := r.Before(t)
			tokens := &distribution.Tokens{Username: "user", Password: password, Uses: 3}
			p.Fault(tokens.Fault)
			to := filepath.Join(t.TempDir(), "disk.img")
			j := registryJob(p.Host+"/vm:v1", to)
			j.Source.Registry.CredentialsDir = folder(tc.files(p.Host))
			got := run(t, j)
			if got.Reason != tc.want || !strings.Contains(got.Message, tc.says) {
				t.Fatalf("%s: got %s %q, want %q %q", tc.reason, got.Reason, got.Message, tc.want, tc.says)
			}
			if strings.Contains(got.Message, "battery") || strings.Contains(got.Message, "token-number") {
				t.Errorf("%s: the message holds a secret: %q", tc.reason, got.Message)
			}
			if tc.want == "" {
				same(t, to, disk, diskBytes)
				if diff := cmp.Diff("repository:vm:pull", tokens.Scopes()[0]); diff != "" {
					t.Errorf("scope: -want, +got:\n%s", diff)
				}
			}
		})
	}
}

// TestRunRegistryPolicy does not connect to what the operator forbids.
func TestRunRegistryPolicy(t *testing.T) {
	r := distribution.Start(t)
	image(t, r, "v1", ociLayer, tarball(t, file{"disk/disk.img", sample()}))
	p := r.Before(t)
	for name, policy := range map[string]transfer.Policy{
		"Loopback": {},
		"Host":     {Unrestricted: true, AllowedHosts: []string{"registry.example.com"}},
		"HTTPS":    {Unrestricted: true, RefusePlainHTTP: true},
		"Checksum": {Unrestricted: true, RequireChecksum: true},
	} {
		j := registryJob(p.Host+"/vm:v1", filepath.Join(t.TempDir(), "disk.img"))
		j.Policy = policy
		if got := run(t, j); got.Reason != transfer.ReasonPolicyDenied {
			t.Errorf("%s: got %s %q, want %s", name, got.Reason, got.Message, transfer.ReasonPolicyDenied)
		}
	}
	if n := len(p.Requests()); n != 0 {
		t.Errorf("the registry got %d requests, want none", n)
	}
	j := registryJob(r.Host+"/vm@"+distribution.Digest(r.Manifest(t, "vm", "v1")), filepath.Join(t.TempDir(), "disk.img"))
	j.Policy = transfer.Policy{Unrestricted: true, RequireChecksum: true}
	if got := run(t, j); !got.Succeeded() {
		t.Errorf("by its digest: got %s %q", got.Reason, got.Message)
	}
}

func TestInspectRegistry(t *testing.T) {
	r := distribution.Start(t)
	image(t, r, "v1", ociLayer+"+zstd", zstandard(t, tarball(t, file{"disk/disk.img", sample()})))
	in := mover.Inspect(t.Context(), registryJob(r.Host+"/vm:v1", os.DevNull))
	if in.Refused != nil {
		t.Fatalf("refused: %s", in.Refused.Message)
	}
	got := []any{in.Source.Format, in.Source.Compression, in.Source.VirtualSize, in.Ranges}
	if diff := cmp.Diff([]any{transfer.FormatRaw, "zstd", int64(diskBytes), true}, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestRegistryTLS goes to a registry behind a private authority, there and back.
func TestRegistryTLS(t *testing.T) {
	r := distribution.Start(t)
	p, authority := r.BeforeTLS(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	disk := sample()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		t.Fatal(err)
	}
	place := &transfer.RegistryImage{Image: p.Host + "/vm:v1", CAFile: ca}
	out := run(t, &transfer.Job{
		Version: transfer.JobVersion, ID: "test", Operation: transfer.OperationExport,
		Source:   transfer.Source{File: &transfer.FileSource{Path: path}},
		Artifact: &transfer.Artifact{Format: transfer.ArtifactOCI, Registry: place, ReadBack: true},
		Policy:   transfer.Policy{Unrestricted: true, RefusePlainHTTP: true},
	})
	if !out.Succeeded() {
		t.Fatalf("export: %s: %s", out.Reason, out.Message)
	}
	to := filepath.Join(t.TempDir(), "disk.img")
	in := importJob("", to)
	in.Source = transfer.Source{Registry: place}
	in.Policy.RefusePlainHTTP = true
	if got := run(t, in); !got.Succeeded() {
		t.Fatalf("import: %s: %s", got.Reason, got.Message)
	}
	same(t, to, disk, diskBytes)

	in.Source.Registry = &transfer.RegistryImage{Image: p.Host + "/vm:v1"}
	in.Policy.RefusePlainHTTP = false
	if got := run(t, in); got.Reason != transfer.ReasonCertificateUntrusted {
		t.Errorf("without the authority: got %s %q", got.Reason, got.Message)
	}
}
