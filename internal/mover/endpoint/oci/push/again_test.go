// SPDX-License-Identifier: Apache-2.0

package push_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
)

// TestWriterOnceMore makes an image that is there already: it is the same one,
// and its configuration and its manifest are looked for and not sent. The layer is
// sent, since its digest is known only when it was made: see TestReuse (ADR 0033).
func TestWriterOnceMore(t *testing.T) {
	r := distribution.Start(t)
	b := endpointtest.Content(7, mib)
	made, _, err := export(t.Context(), options(t, r.Host), b)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Before(t)
	var mu sync.Mutex
	var got []string
	p.Fault(func(_ *distribution.Proxy, _ http.ResponseWriter, q *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		path := strings.TrimPrefix(q.URL.Path, "/v2/vms/golden/")
		if strings.HasPrefix(path, "blobs/uploads/") {
			path = "blobs/uploads/"
		}
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", q.Method, path, q.URL.Query().Get("mount"))))
		return false
	})
	again, _, err := export(t.Context(), options(t, p.Host), b)
	if err != nil || again.Validator != made.Validator {
		t.Fatalf("got %v, %v, want %v: equal disks are equal images", again, err, made)
	}
	var m struct{ Config distribution.Descriptor }
	if err := json.Unmarshal(r.Manifest(t, "vms/golden", "v1"), &m); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /v2/", "HEAD manifests/v1",
		"POST blobs/uploads/", "PATCH blobs/uploads/", "PUT blobs/uploads/", "HEAD blobs/" + distribution.Digest(b),
		"HEAD blobs/" + m.Config.Digest,
		"HEAD manifests/v1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests: -want, +got:\n%s", diff)
	}
}
