// SPDX-License-Identifier: Apache-2.0

package push_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/push"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// reuse begins an upload and asks for what was made before in its place.
func reuse(t *testing.T, o push.Options, image string) (disk.Sum, disk.Placed, bool, error) {
	t.Helper()
	w, err := push.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s, p, found, err := w.Reuse(t.Context(), image)
	if !found {
		if err := w.Abort(t.Context(), false); err != nil {
			t.Error(err)
		}
	}
	return s, p, found, err
}

// TestReuse gives another tag to what was made before, and sends nothing of it.
func TestReuse(t *testing.T) {
	type change = func(o *push.Options, image *string)
	cases := map[string]struct {
		reason string
		change change
		into   string // the repository
		want   bool
	}{
		"SameTag":         {"The tag names it already.", func(*push.Options, *string) {}, "vms/golden", true},
		"OtherTag":        {"Its blobs are in the repository.", func(o *push.Options, _ *string) { o.Image = strings.Replace(o.Image, ":v1", ":v2", 1) }, "vms/golden", true},
		"OtherRepository": {"Its blobs are mounted.", func(o *push.Options, _ *string) { o.Image = strings.Replace(o.Image, "vms/golden", "other/place", 1) }, "other/place", true},
		"OtherPlatform":   {"A machine of another kind could not run it.", func(o *push.Options, _ *string) { o.Platform = "linux/amd64" }, "vms/golden", false},
		"OtherAlgorithm":  {"It is packed another way than is asked for.", func(o *push.Options, _ *string) { o.Compression = transfer.CompressionGzip }, "vms/golden", false},
		"OtherLevel":      {"Whoever asks for another level wants another size.", func(o *push.Options, _ *string) { o.Level = 19 }, "vms/golden", false},
		"Gone":            {"Somebody has deleted it.", func(_ *push.Options, image *string) { *image = by(*image, distribution.Digest(nil)) }, "vms/golden", false},
		"Elsewhere":       {"Another registry's blobs cannot be mounted.", func(_ *push.Options, image *string) { *image = "127.0.0.1:1/" + after(*image, "/") }, "vms/golden", false},
		"NoDigest":        {"A tag can be anything.", func(o *push.Options, image *string) { *image = o.Image }, "vms/golden", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := distribution.Start(t)
			p := r.Before(t)
			b := endpointtest.Content(7, mib)
			o := options(t, p.Host)
			made, _, err := export(t.Context(), o, b)
			if err != nil {
				t.Fatal(err)
			}
			image := strings.TrimPrefix(made.URI, "docker://")
			tc.change(&o, &image)
			before := len(p.Requests())
			s, placed, found, err := reuse(t, o, image)
			if err != nil || found != tc.want {
				t.Fatalf("%s: found: got %t, %v, want %t", tc.reason, found, err, tc.want)
			}
			if n := r.Uploads(t, tc.into); n != 0 {
				t.Errorf("uploads that have not ended: got %d, want none", n)
			}
			for _, q := range p.Requests()[before:] {
				if strings.HasPrefix(q, http.MethodPatch) {
					t.Errorf("a blob was sent: %s", q)
				}
			}
			if !found {
				return
			}
			if diff := cmp.Diff(sum(b), s); diff != "" {
				t.Errorf("sum: -want, +got:\n%s", diff)
			}
			want := disk.Placed{URI: "docker://" + p.Host + "/" + tc.into + "@" + made.Validator, Validator: made.Validator}
			if diff := cmp.Diff(want, placed); diff != "" {
				t.Errorf("placed: -want, +got:\n%s", diff)
			}
			if !bytes.Equal(r.Blob(t, tc.into, distribution.Digest(b)), b) {
				t.Error("the layer is another")
			}
			if got := distribution.Digest(r.Manifest(t, tc.into, tagOf(o.Image))); got != made.Validator {
				t.Errorf("the tag names %s, want %s", got, made.Validator)
			}
		})
	}
}

// by is an image by another digest.
func by(image, digest string) string {
	name, _, _ := strings.Cut(image, "@")
	return name + "@" + digest
}

func after(s, separator string) string {
	_, rest, _ := strings.Cut(s, separator)
	return rest
}

func tagOf(image string) string { return image[strings.LastIndex(image, ":")+1:] }

// TestReuseFaults has a registry that does not do what it is asked for.
func TestReuseFaults(t *testing.T) {
	type fault = func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool
	mounts := func(r *http.Request) bool { return r.URL.Query().Has("mount") }
	var looks atomic.Int32 // at the tag
	cases := map[string]struct {
		reason string
		fault  fault
		want   transfer.Reason // of the error; empty: there is none
		found  bool
	}{
		"DoesNotMount": {"It begins an upload in place of mounting, which is ended.", func(_ *distribution.Proxy, _ http.ResponseWriter, r *http.Request) bool {
			if mounts(r) {
				r.URL.RawQuery = ""
			}
			return false
		}, "", false},
		"MayNotMount": {"The credentials are good for one repository alone.", func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			if mounts(r) {
				distribution.Refuse(w, http.StatusForbidden, "DENIED", "no")
			}
			return mounts(r)
		}, "", false},
		"MayNotLook": {"What cannot be looked for is mounted.", func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			hidden := r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/")
			if hidden {
				w.WriteHeader(http.StatusForbidden)
			}
			return hidden
		}, "", true},
		"OtherBytes": {"What has another digest is not trusted.", func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/vms/golden/manifests/") {
				return false
			}
			_, _ = w.Write([]byte(`{"schemaVersion":2,"layers":[]}`))
			return true
		}, "", false},
		"Busy": {"It can be asked again.", func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			if mounts(r) {
				distribution.Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "later")
			}
			return mounts(r)
		}, transfer.ReasonTargetUnavailable, false},
		"Replaced": {"Another writer was faster.", func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodHead || !strings.HasSuffix(r.URL.Path, "/other/place/manifests/v1") || looks.Add(1) == 1 {
				return false
			}
			w.Header().Set("Docker-Content-Digest", distribution.Digest([]byte("theirs")))
			return true
		}, transfer.ReasonTargetChanged, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := distribution.Start(t)
			p := r.Before(t)
			o := options(t, p.Host)
			made, _, err := export(t.Context(), o, endpointtest.Content(7, mib))
			if err != nil {
				t.Fatal(err)
			}
			p.Fault(tc.fault)
			o.Image = strings.Replace(o.Image, "vms/golden", "other/place", 1)
			_, _, found, err := reuse(t, o, strings.TrimPrefix(made.URI, "docker://"))
			if found != tc.found || transfer.ReasonOf(err) != tc.want {
				t.Errorf("%s: got %t, %v, want %t, %q", tc.reason, found, err, tc.found, tc.want)
			}
			if n := r.Uploads(t, "other/place"); n != 0 {
				t.Errorf("uploads that have not ended: got %d, want none", n)
			}
		})
	}
}

// TestReuseToken asks for a token that permits to read what is mounted.
func TestReuseToken(t *testing.T) {
	r := distribution.Start(t)
	p := r.Before(t)
	o := options(t, p.Host)
	made, _, err := export(t.Context(), o, endpointtest.Content(7, mib))
	if err != nil {
		t.Fatal(err)
	}
	k := &distribution.Tokens{Uses: 100}
	p.Fault(k.Fault)
	o.Image = strings.Replace(o.Image, "vms/golden", "other/place", 1)
	if _, _, found, err := reuse(t, o, strings.TrimPrefix(made.URI, "docker://")); err != nil || !found {
		t.Fatalf("got %t, %v", found, err)
	}
	want := "repository:other/place:pull,push repository:vms/golden:pull"
	if !slices.Contains(k.Scopes(), want) {
		t.Errorf("scopes of the tokens: got %q, want %q among them", k.Scopes(), want)
	}
}
