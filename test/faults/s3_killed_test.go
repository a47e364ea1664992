// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// kill runs an export that is killed at a point.
func (s *store) kill(t *testing.T, path string, at point) {
	t.Helper()
	var n atomic.Int64
	dead := make(chan struct{})
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	die := func() {
		kill()
		<-dead
	}
	s.proxy.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case n.Add(1) < at.request:
			return false
		case at.body > 0 && versity.IsPart(r):
			r.Body = &cutBody{r.Body, at.body, die}
			return false
		}
		die()
		panic(http.ErrAbortHandler)
	})
	o := s.export(ctx, t, path)
	close(dead)
	s.proxy = versity.NewProxy(t, s.Server) // The old one still has what was on its way.
	if o.exit != -1 {
		t.Fatalf("the mover was not killed at %+v: exit code %d: %s", at, o.exit, o.result.Message)
	}
}

// parts lists the parts of the upload that is open, with their sizes.
func (s *store) parts(t *testing.T) map[string]int64 {
	t.Helper()
	c, bucket, key := s.direct(t), versity.Bucket, key
	open, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{}
	for _, u := range open.Uploads {
		out, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &bucket, Key: &key, UploadId: u.UploadId})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range out.Parts {
			sizes[strconv.Itoa(int(*p.PartNumber))] = *p.Size
		}
	}
	return sizes
}

// watched has a test fail when something stands under the key before the request
// that makes the object of its parts.
func (s *store) watched(t *testing.T) versity.Fault {
	var made atomic.Bool
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if made.Load() {
			return false
		}
		if _, there := s.Object(t, key); there {
			t.Errorf("something stands under the key before %s %s", r.Method, r.URL.RawQuery)
		}
		made.Store(versity.IsComplete(r))
		return false
	}
}

// undisturbed makes an artifact and returns it, how many requests that took, and
// which of them made the object.
func (s *store) undisturbed(t *testing.T, path string) (artifact []byte, n, last int64) {
	t.Helper()
	s.proxy.Set(s.watched(t))
	if o := s.export(t.Context(), t, path); !o.result.Succeeded() {
		t.Fatalf("%s: %s", o.result.Reason, o.result.Message)
	}
	for _, r := range s.proxy.Requests() {
		if n++; strings.HasPrefix(r, "POST uploadId=") {
			last = n
		}
	}
	if n < 9 || last < 8 {
		t.Fatalf("an export makes %d requests, and the object by number %d", n, last)
	}
	artifact, _ = s.Object(t, key)
	return artifact, n, last
}

// TestExportToS3IsKilled kills the mover at 20 points of all its requests and of
// the bodies of its parts. The next attempt makes the same artifact and sends no
// part again that the store lists, and nothing is seen under the key before.
func TestExportToS3IsKilled(t *testing.T) {
	path, content := aDisk(t)
	for _, f := range []transfer.ArtifactFormat{transfer.ArtifactRaw, transfer.ArtifactQCOW2} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			once := newStore(t)
			once.format = f
			artifact, n, last := once.undisturbed(t, path)
			image := filepath.Join(once.Folder, versity.Bucket, key)
			if f == transfer.ArtifactRaw && !bytes.Equal(artifact, content) {
				t.Error("the artifact is not the disk")
			} else if out, err := exec.CommandContext(t.Context(), "qemu-img", "compare", "-f", "raw", path, image).CombinedOutput(); err != nil {
				t.Errorf("qemu-img compare: %v: %s", err, out)
			}
			reused := int64(0)
			for _, at := range points(3, n, 11*mib) {
				reused += goesOn(t, path, f, at, at.request > last, artifact)
			}
			if reused == 0 {
				t.Error("no attempt went on with what the one before had sent")
			}
			t.Logf("%d MiB of %d were not sent again", reused/mib, 20*len(artifact)/mib)
		})
	}
}

// goesOn kills an export at a point, makes it again, and returns how many bytes
// were not sent again. made says that the object is there when it is killed.
func goesOn(t *testing.T, path string, f transfer.ArtifactFormat, at point, made bool, want []byte) (reused int64) {
	t.Helper()
	s := newStore(t)
	s.format = f
	s.kill(t, path, at)
	if made {
		s.holds(t, want)
	} else {
		s.holds(t, nil)
		s.proxy.Set(s.watched(t))
	}
	listed := s.parts(t)
	o := s.export(t.Context(), t, path)
	if !o.result.Succeeded() {
		t.Fatalf("killed at %+v: %s: %s", at, o.result.Reason, o.result.Message)
	}
	s.holds(t, want)
	// An upload to which no part has come may be anybody's: it is left alone.
	if n := s.uploads(t); n != 0 && len(listed) > 0 {
		t.Errorf("killed at %+v: %d uploads are left", at, n)
	}
	for _, r := range s.proxy.Requests() {
		q, err := url.ParseQuery(strings.TrimPrefix(r, "PUT "))
		if size, there := listed[q.Get("partNumber")]; err != nil || there {
			t.Errorf("killed at %+v: %s: it had %d bytes of it (%v)", at, r, size, err)
		}
	}
	had := int64(0)
	for size := range maps.Values(listed) {
		had += size
	}
	if got := o.result.ReusedBytes; got < had || got+o.result.WrittenBytes != int64(len(want)) {
		t.Errorf("killed at %+v: the store had %d bytes, and the result tells of %d that were not sent again and %d that were, of %d",
			at, had, got, o.result.WrittenBytes, len(want))
	}
	if sent := s.proxy.Sent(); sent > int64(len(want))-o.result.ReusedBytes+1<<20 {
		t.Errorf("killed at %+v: %d bytes were sent and %d reused of %d", at, sent, o.result.ReusedBytes, len(want))
	}
	return o.result.ReusedBytes
}
