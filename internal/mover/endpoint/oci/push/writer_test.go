// SPDX-License-Identifier: Apache-2.0

package push_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/push"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const mib = 1 << 20

// layer is three parts, the last one short.
func layer() []byte { return endpointtest.Content(7, 37*mib) }

func sum(b []byte) disk.Sum {
	return disk.Sum{Size: int64(len(b)), SHA256: sha256.Sum256(b), DiffID: sha256.Sum256([]byte("what it holds"))}
}

func options(t *testing.T, host string) push.Options {
	t.Helper()
	return push.Options{
		Options:     oci.Options{Image: host + "/vms/golden:v1", Platform: "linux/arm64/v8", Transport: http.DefaultTransport},
		Compression: transfer.CompressionZstd,
	}
}

// export does what an engine does: parts in order, each tried a few times, and
// all of it again after disk.ErrRestart.
func export(ctx context.Context, o push.Options, b []byte) (disk.Placed, int64, error) {
	w, err := push.New(ctx, o)
	if err != nil {
		return disk.Placed{}, 0, err
	}
	for range 3 {
		var placed disk.Placed
		var reused int64
		reused, placed, err = pass(ctx, w, b)
		if err == nil {
			return placed, reused, nil
		}
		if !errors.Is(err, disk.ErrRestart) {
			break
		}
	}
	return disk.Placed{}, 0, errors.Join(err, w.Abort(ctx, false))
}

func pass(ctx context.Context, w *push.Writer, b []byte) (reused int64, placed disk.Placed, err error) {
	if s := w.AsStream(); s != nil {
		if err = again(func() error { return s.Stream(ctx, bytes.NewReader(b), -1) }); err == nil {
			placed, err = s.Commit(ctx, sum(b))
		}
		return 0, placed, err
	}
	size := w.Parts().Size
	for off := int64(0); off < int64(len(b)); off += size {
		part := b[off:min(off+size, int64(len(b)))]
		err := again(func() error {
			there, err := w.Put(ctx, part, off)
			if there {
				reused += int64(len(part))
			}
			return err
		})
		if err != nil {
			return 0, disk.Placed{}, err
		}
	}
	err = again(func() (err error) {
		placed, err = w.Commit(ctx, sum(b))
		return err
	})
	return reused, placed, err
}

// again tries a few times, and gives the registry time between to see that a
// connection broke, as package retry does.
func again(f func() error) (err error) {
	for range 5 {
		if err = f(); err == nil || transfer.IsTerminal(err) || errors.Is(err, disk.ErrRestart) {
			return err
		}
		<-time.After(300 * time.Millisecond)
	}
	return err
}

// TestWriter makes an image on a registry that does what it should.
func TestWriter(t *testing.T) {
	r := distribution.Start(t)
	b := layer()
	placed, _, err := export(t.Context(), options(t, r.Host), b)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, r, b)
	document := r.Manifest(t, "vms/golden", "v1")
	want := disk.Placed{URI: "docker://" + r.Host + "/vms/golden@" + distribution.Digest(document), Validator: distribution.Digest(document)}
	if diff := cmp.Diff(want, placed); diff != "" {
		t.Errorf("placed: -want, +got:\n%s", diff)
	}
	var m struct{ Config distribution.Descriptor }
	if err := json.Unmarshal(document, &m); err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(r.Blob(t, "vms/golden", m.Config.Digest), &config); err != nil {
		t.Fatal(err)
	}
	delete(config, "history")
	wantConfig := map[string]any{
		"os": "linux", "architecture": "arm64", "variant": "v8", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{distribution.Digest([]byte("what it holds"))}},
	}
	if diff := cmp.Diff(wantConfig, config); diff != "" {
		t.Errorf("configuration: -want, +got:\n%s", diff)
	}

	if replaced, err := push.Remove(t.Context(), options(t, r.Host).Options, placed.Validator); err != nil || replaced {
		t.Errorf("remove: replaced %t, %v", replaced, err)
	}
	if r.Manifest(t, "vms/golden", "v1") != nil {
		t.Error("remove: the tag is still there")
	}
	if replaced, err := push.Remove(t.Context(), options(t, r.Host).Options, placed.Validator); err != nil || replaced {
		t.Errorf("remove once more: replaced %t, %v", replaced, err)
	}
}

// whole checks that the image is there, with its layer, and no upload is left.
func whole(t *testing.T, r *distribution.Registry, b []byte) {
	t.Helper()
	var m struct{ Layers []distribution.Descriptor }
	if err := json.Unmarshal(r.Manifest(t, "vms/golden", "v1"), &m); err != nil {
		t.Fatal(err)
	}
	want := []distribution.Descriptor{{MediaType: "application/vnd.oci.image.layer.v1.tar+zstd", Digest: distribution.Digest(b), Size: len(b)}}
	if diff := cmp.Diff(want, m.Layers); diff != "" {
		t.Errorf("layers: -want, +got:\n%s", diff)
	}
	if !bytes.Equal(r.Blob(t, "vms/golden", distribution.Digest(b)), b) {
		t.Error("the layer is another")
	}
	if n := r.Uploads(t, "vms/golden"); n != 0 {
		t.Errorf("uploads that have not ended: got %d, want none", n)
	}
}

// TestWriterSurvives breaks an upload where it can break, each way once.
func TestWriterSurvives(t *testing.T) {
	type fault = func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool
	// nth is f at the nth request of a method, and nothing at others.
	nth := func(method string, n int32, f fault) fault {
		var seen atomic.Int32
		return func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			return r.Method == method && seen.Add(1) == n && f(p, w, r)
		}
	}
	cut := func(n int64) fault {
		return func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool { p.Cut(w, r, n); return true }
	}
	swallow := func(p *distribution.Proxy, _ http.ResponseWriter, r *http.Request) bool { p.Swallow(r); return true }
	refuse := func(status int, code string) fault {
		return func(_ *distribution.Proxy, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "1")
			distribution.Refuse(w, status, code, "on purpose")
			return true
		}
	}
	cases := map[string]struct {
		reason string
		fault  fault
	}{
		"CutAtBegin":     {"the connection breaks within the first part", nth("PATCH", 1, cut(5*mib+3))},
		"CutInMiddle":    {"within a later one", nth("PATCH", 2, cut(5*mib+3))},
		"CutBeforeByte":  {"before a byte of it has arrived", nth("PATCH", 2, cut(0))},
		"AnswerLost":     {"a part arrives, and its answer does not", nth("PATCH", 2, swallow)},
		"LastAnswerLost": {"the last one's", nth("PATCH", 3, swallow)},
		"Busy":           {"the registry is busy once", nth("PATCH", 2, refuse(503, "UNAVAILABLE"))},
		"TooMany":        {"or has had too many requests", nth("PATCH", 2, refuse(429, "TOOMANYREQUESTS"))},
		"BusyAtEnd":      {"at the end", nth("PUT", 1, refuse(500, "UNKNOWN"))},
		"EndUnanswered":  {"the layer is taken, and that is not said", nth("PUT", 1, swallow)},
		"ConfigLost":     {"the same of the configuration", nth("PUT", 2, swallow)},
		"TagUnanswered":  {"the same of the manifest", nth("PUT", 3, swallow)},
		"SessionAtBegin": {"the session is lost with the first part", nth("PATCH", 1, refuse(404, "BLOB_UPLOAD_UNKNOWN"))},
		"SessionLost":    {"or with a later one: all of it is made again", nth("PATCH", 2, refuse(404, "BLOB_UPLOAD_UNKNOWN"))},
		"SessionAtEnd":   {"or at the end", nth("PUT", 1, refuse(404, "BLOB_UPLOAD_UNKNOWN"))},
		"OtherOffset":    {"the registry says that the part does not fit", nth("PATCH", 2, refuse(416, "RANGE_INVALID"))},
		"OtherBytes":     {"the registry has hashed something else", nth("PUT", 1, refuse(400, "DIGEST_INVALID"))},
	}
	b := layer()
	for name, tc := range cases {
		if testing.Short() && name != "CutInMiddle" && name != "EndUnanswered" && name != "SessionLost" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := distribution.Start(t)
			p := r.Before(t)
			p.Fault(tc.fault)
			if _, _, err := export(t.Context(), options(t, p.Host), b); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			whole2(t, r, b)
		})
	}
}

// whole2 is whole, but for sessions that the registry itself has lost.
func whole2(t *testing.T, r *distribution.Registry, b []byte) {
	t.Helper()
	if !bytes.Equal(r.Blob(t, "vms/golden", distribution.Digest(b)), b) || r.Manifest(t, "vms/golden", "v1") == nil {
		t.Error("the image is not whole")
	}
}

// TestWriterResends sends what did not arrive, and no more.
func TestWriterResends(t *testing.T) {
	r := distribution.Start(t)
	p := r.Before(t)
	var sent, patches atomic.Int64
	p.Fault(func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch {
			return false
		}
		sent.Add(r.ContentLength)
		if patches.Add(1) == 2 {
			p.Cut(w, r, 9*mib)
		}
		return false
	})
	b := layer()
	if _, _, err := export(t.Context(), options(t, p.Host), b); err != nil {
		t.Fatal(err)
	}
	whole(t, r, b)
	// The registry writes what it has when the connection breaks.
	if got, want := sent.Load(), int64(len(b)+7*mib); got < want || got > want+mib {
		t.Errorf("announced bytes: got %d, want %d and a little more", got, want)
	}
}

// TestWriterRefused says why a registry does not take an image, and leaves
// nothing under its tag.
func TestWriterRefused(t *testing.T) {
	cases := map[string]struct {
		reason string
		method string
		status int
		code   string
		want   transfer.Reason
	}{
		"Unauthorized": {"the credentials are wrong", "POST", 401, "UNAUTHORIZED", transfer.ReasonUnauthorized},
		"Denied":       {"or do not permit to write", "POST", 403, "DENIED", transfer.ReasonUnauthorized},
		"NoProject":    {"some registries make no repositories", "POST", 404, "NAME_UNKNOWN", transfer.ReasonTargetRefused},
		"ReadOnly":     {"a registry for reading", "POST", 405, "UNSUPPORTED", transfer.ReasonTargetRefused},
		"TooLarge":     {"a limit before the registry", "PATCH", 413, "SIZE_INVALID", transfer.ReasonTargetRefused},
		"Quota":        {"as Harbor says it", "PUT", 412, "PRECONDITION", transfer.ReasonTargetRefused},
		"Down":         {"and it stays so", "PATCH", 503, "UNAVAILABLE", transfer.ReasonTargetUnavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := distribution.Start(t)
			p := r.Before(t)
			p.Fault(func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
				if r.Method == tc.method {
					w.Header().Set("Retry-After", "7")
					distribution.Refuse(w, tc.status, tc.code, "it is so, says "+r.URL.RawQuery)
					return true
				}
				return false
			})
			_, _, err := export(t.Context(), options(t, p.Host), layer())
			if got := transfer.ReasonOf(err); got != tc.want {
				t.Fatalf("%s: got %s, want %s: %v", tc.reason, got, tc.want, err)
			}
			if !strings.Contains(err.Error(), tc.code+": it is so") || strings.Contains(err.Error(), "_state") {
				t.Errorf("%s: got %q, want the registry's words and nothing of the upload's state", tc.reason, err)
			}
			var e *transfer.Error
			if tc.status == 503 && (!errors.As(err, &e) || e.RetryAfter.Seconds() != 7) {
				t.Errorf("%s: got %+v, want to wait for 7 s", tc.reason, e)
			}
			if r.Manifest(t, "vms/golden", "v1") != nil || r.Uploads(t, "vms/golden") != 0 {
				t.Errorf("%s: something is left", tc.reason)
			}
		})
	}
}

// TestWriterLoses tells the one who comes second, and leaves the other's image.
func TestWriterLoses(t *testing.T) {
	r := distribution.Start(t)
	first, second := layer(), endpointtest.Content(8, mib)
	w, err := push.New(t.Context(), options(t, r.Host))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := export(t.Context(), options(t, r.Host), first); err != nil {
		t.Fatal(err)
	}
	_, _, err = pass(t.Context(), w, second)
	if got := transfer.ReasonOf(err); got != transfer.ReasonTargetChanged {
		t.Errorf("got %s, want %s: %v", got, transfer.ReasonTargetChanged, err)
	}
	whole2(t, r, first)
	other := distribution.Digest([]byte("another"))
	if replaced, err := push.Remove(t.Context(), options(t, r.Host).Options, other); err != nil || !replaced {
		t.Errorf("remove what is not there any more: replaced %t, %v", replaced, err)
	}
	whole2(t, r, first)
}

// TestWriterReplaces puts an image where another stands, and not before it is
// whole.
func TestWriterReplaces(t *testing.T) {
	r := distribution.Start(t)
	old, fresh := endpointtest.Content(8, mib), layer()
	if _, _, err := export(t.Context(), options(t, r.Host), old); err != nil {
		t.Fatal(err)
	}
	before := r.Manifest(t, "vms/golden", "v1")
	p := r.Before(t)
	last := false
	p.Fault(func(_ *distribution.Proxy, _ http.ResponseWriter, q *http.Request) bool {
		if !last && !bytes.Equal(before, r.Manifest(t, "vms/golden", "v1")) {
			t.Errorf("the tag changed before %s %s", q.Method, q.URL.Path)
		}
		last = last || q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/manifests/")
		return false
	})
	if _, _, err := export(t.Context(), options(t, p.Host), fresh); err != nil {
		t.Fatal(err)
	}
	whole(t, r, fresh)
}

// TestWriterAborts leaves nothing.
func TestWriterAborts(t *testing.T) {
	r := distribution.Start(t)
	w, err := push.New(t.Context(), options(t, r.Host))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Put(t.Context(), layer()[:w.Parts().Size], 0); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(t.Context(), true); err != nil {
		t.Error(err)
	}
	if n := r.Uploads(t, "vms/golden"); n != 0 {
		t.Errorf("uploads that have not ended: got %d, want none", n)
	}
}

// TestWriterNames refuses what cannot be written to.
func TestWriterNames(t *testing.T) {
	for _, image := range []string{"127.0.0.1:1/a@" + distribution.Digest(nil), "127.0.0.1:1/A/b", "a b"} {
		o := push.Options{Options: oci.Options{Image: image, Transport: down{}}}
		if _, err := push.New(t.Context(), o); transfer.ReasonOf(err) != transfer.ReasonInvalidJob {
			t.Errorf("%s: got %v, want %s", image, err, transfer.ReasonInvalidJob)
		}
	}
}

type down struct{}

func (down) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("nobody is there")
}
