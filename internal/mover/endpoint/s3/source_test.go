// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// conforming is a world for the conformance suite.
type conforming struct{ *world }

func (c conforming) Put(t *testing.T, content []byte) disk.File {
	t.Helper()
	c.put(t, content)
	f, err := s3.Open(t.Context(), c.through, "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (c conforming) Change(t *testing.T, content []byte) {
	t.Helper()
	c.put(t, content)
}

func (c conforming) Missing(t *testing.T) error {
	t.Helper()
	p := c.through
	p.Key = "nothing"
	_, err := s3.Open(t.Context(), p, "")
	return err
}

func TestSourceConformance(t *testing.T) {
	endpointtest.Run(t, func(t *testing.T) endpointtest.Store { return conforming{newWorld(t)} })
}

func TestSourceIsRefused(t *testing.T) {
	w := newWorld(t)
	w.put(t, []byte("content"))
	cases := map[string]struct {
		reason string
		fault  http.HandlerFunc
		want   transfer.Reason
		says   string
		after  time.Duration
	}{
		"Denied":    {"the key may not be read", versity.Answer(403, "AccessDenied", "Access Denied"), transfer.ReasonUnauthorized, "403 AccessDenied: Access Denied", 0},
		"WrongKey":  {"the key is not known", versity.Answer(403, "InvalidAccessKeyId", "The key "+versity.AccessKeyID+" does not exist"), transfer.ReasonUnauthorized, "REDACTED", 0},
		"NoKey":     {"there is nothing", versity.Answer(404, "NoSuchKey", "gone"), transfer.ReasonSourceNotFound, "NoSuchKey", 0},
		"NoBucket":  {"there is no bucket", versity.Answer(404, "NoSuchBucket", "gone"), transfer.ReasonSourceNotFound, "no bucket bucket", 0},
		"Region":    {"the bucket is elsewhere, and where is said", versity.Answer(301, "PermanentRedirect", "elsewhere", "X-Amz-Bucket-Region", "eu-west-1"), transfer.ReasonSourceRefused, `region "eu-west-1"`, 0},
		"SlowDown":  {"the store wants fewer requests, and says when", versity.Answer(503, "SlowDown", "please", "Retry-After", "7"), transfer.ReasonSourceUnavailable, "503", 7 * time.Second},
		"Internal":  {"the store is broken", versity.Answer(500, "InternalError", "sorry"), transfer.ReasonSourceUnavailable, "500", 0},
		"Gateway":   {"what answers is not the store", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }, transfer.ReasonSourceUnavailable, "502 BadGateway", 0},
		"Archived":  {"the object is in an archive", versity.Answer(403, "InvalidObjectState", "cold"), transfer.ReasonSourceRefused, "restore it", 0},
		"Expired":   {"a token that nobody has renewed yet", versity.Answer(400, "ExpiredToken", "The provided token has expired"), transfer.ReasonSourceUnavailable, "has not been renewed yet", 0},
		"Connected": {"the connection ends", versity.Cut(0), transfer.ReasonSourceUnavailable, "", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.proxy.Set(versity.Times(versity.Always, versity.Any, tc.fault))
			_, err := s3.Open(t.Context(), w.through, "")
			noSecret(t, err)
			if transfer.ReasonOf(err) != tc.want || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: got %v (%s), want reason %s and %q", tc.reason, err, transfer.ReasonOf(err), tc.want, tc.says)
			}
			var known *transfer.Error
			if errors.As(err, &known) && known.RetryAfter != tc.after {
				t.Errorf("%s: is to wait %s, want %s", tc.reason, known.RetryAfter, tc.after)
			}
			if n := len(w.proxy.Requests()); n > 2 {
				t.Errorf("%s: %d requests, want one and one that asks why", tc.reason, n)
			}
		})
	}
}

func TestSourceWithoutBucket(t *testing.T) {
	p := newWorld(t).through
	p.Bucket = "nobody"
	_, err := s3.Open(t.Context(), p, "")
	if transfer.ReasonOf(err) != transfer.ReasonSourceNotFound || !strings.Contains(err.Error(), "no bucket nobody") {
		t.Errorf("got %v, want reason %s", err, transfer.ReasonSourceNotFound)
	}
}

func TestSourceOnABadLink(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 3<<20)
	w.put(t, content)
	cases := map[string]struct {
		reason string
		fault  versity.Fault
	}{
		"Cut":         {"answers break off in the middle", versity.Times(4, versity.IsGet, w.proxy.Halve)},
		"Unavailable": {"the store is away for a while", versity.Times(5, versity.Any, versity.Answer(503, "ServiceUnavailable", "later"))},
		"SlowDown":    {"the store wants fewer requests", versity.Times(5, versity.IsGet, versity.Answer(503, "SlowDown", "later"))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.proxy.Set(tc.fault)
			f, err := retry.Open(t.Context(), patient(), func(ctx context.Context) (disk.File, error) { return s3.Open(ctx, w.through, "") })
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			r, err := f.Open(t.Context(), 0, -1)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			got, err := readAll(t, r)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s: got %d bytes and %v, want the %d of the object", tc.reason, len(got), err, len(content))
			}
		})
	}
}

func TestSourceOfAVersion(t *testing.T) {
	w := newWorld(t)
	_, err := w.direct.Conn.PutBucketVersioning(t.Context(), &api.PutBucketVersioningInput{
		Bucket: aws.String(versity.Bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	first, second := endpointtest.Content(1, 100<<10), endpointtest.Content(2, 100<<10)
	w.put(t, first)
	f, err := s3.Open(t.Context(), w.through, "")
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, second)
	got := make([]byte, len(first))
	if err := disk.ReadAt(t.Context(), f, got, 0); err != nil || !bytes.Equal(got, first) {
		t.Errorf("a version that was opened is read on after another has come: got %v, want the first version", err)
	}
}
