// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// begun leaves an upload with the parts at some offsets, as a kill does.
func begun(t *testing.T, p store.Place, content []byte, offs []int64) disk.Upload {
	t.Helper()
	u := create(t, p)
	if _, err := putAll(t.Context(), u, content, offs); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestResume(t *testing.T) {
	content := endpointtest.Content(1, 5*partSize+12345)
	changed := bytes.Clone(content)
	changed[2*partSize+5]++
	last := int64(5 * partSize)
	cases := map[string]struct {
		reason string
		before func(t *testing.T, w *world) // what earlier attempts have left
		sent   int64                        // bytes that are to be sent
	}{
		"Nothing":   {"nothing was begun", func(*testing.T, *world) {}, int64(len(content))},
		"Some":      {"some parts are there", func(t *testing.T, w *world) { begun(t, w.direct, content, []int64{partSize, 3 * partSize, last}) }, 3 * partSize},
		"First":     {"the first part alone", func(t *testing.T, w *world) { begun(t, w.direct, content, []int64{0}) }, last - partSize + 12345},
		"All":       {"all but the last request", func(t *testing.T, w *world) { begun(t, w.direct, content, offsetsOf(content)) }, 0},
		"Changed":   {"one part of the source is another now", func(t *testing.T, w *world) { begun(t, w.direct, changed, offsetsOf(content)) }, partSize},
		"LastAlone": {"of the last part alone nobody can tell whose it is", func(t *testing.T, w *world) { foreign(t, w, 6, content[last:]) }, int64(len(content))},
		"Foreign":   {"another client's upload is left alone", func(t *testing.T, w *world) { foreign(t, w, 1, content[:8<<20], content[:8<<20]) }, int64(len(content))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.before(t, w)
			w.proxy.Set(nil)
			u := create(t, w.through)
			listed := w.proxy.Sent()
			reused, err := putAll(t.Context(), u, content, offsets(u, content))
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if sent := w.proxy.Sent() - listed; sent != tc.sent || reused != int64(len(content))-tc.sent {
				t.Errorf("%s: %d bytes were sent and %d reused, want %d and %d", tc.reason, sent, reused, tc.sent, int64(len(content))-tc.sent)
			}
			w.holds(t, nil)
			if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			w.holds(t, content)
			left := 0
			if name == "Foreign" || name == "LastAlone" {
				left = 1
			}
			if n := w.uploads(t); n != left {
				t.Errorf("%s: %d uploads are left, want %d", tc.reason, n, left)
			}
		})
	}
}

func offsetsOf(content []byte) []int64 {
	var offs []int64
	for off := int64(0); off < int64(len(content)); off += partSize {
		offs = append(offs, off)
	}
	return offs
}

// foreign begins an upload as another client does, with parts from a number on.
func foreign(t *testing.T, w *world, from int32, parts ...[]byte) {
	t.Helper()
	up, err := w.direct.Conn.CreateMultipartUpload(t.Context(), &api.CreateMultipartUploadInput{Bucket: &w.direct.Bucket, Key: &w.direct.Key})
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range parts {
		_, err := w.direct.Conn.UploadPart(t.Context(), &api.UploadPartInput{
			Bucket: &w.direct.Bucket, Key: &w.direct.Key, UploadId: up.UploadId, PartNumber: aws.Int32(from + int32(i)), Body: bytes.NewReader(part),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLastPartIsNeverAlone holds the last part back until another one is there: an
// attempt that was killed leaves an upload that the next one knows.
func TestLastPartIsNeverAlone(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 2*partSize+77)
	arrives, goOn := make(chan struct{}), make(chan struct{})
	w.proxy.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("partNumber") == "1" {
			close(arrives)
			<-goOn
		}
		return false
	})
	u := create(t, w.through)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := u.Put(ctx, content[2*partSize:], 2*partSize); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("alone: got %v, want it to wait", err)
	}
	var g errgroup.Group
	for off := range int64(3) {
		g.Go(func() error {
			_, err := u.Put(t.Context(), content[off*partSize:min((off+1)*partSize, int64(len(content)))], off*partSize)
			return err
		})
		if off == 0 {
			<-arrives
		}
	}
	close(goOn)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range w.proxy.Requests() {
		if q, err := url.ParseQuery(strings.TrimPrefix(r, "PUT ")); err == nil && q.Has("partNumber") {
			order = append(order, q.Get("partNumber"))
		}
	}
	if len(order) != 3 || order[0] == "3" {
		t.Errorf("the parts were sent as %v, want the last one behind another", order)
	}
	if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
		t.Fatal(err)
	}
	w.holds(t, content)
}

// TestChangedIsSaid says it when what an attempt before has sent does not fit.
func TestChangedIsSaid(t *testing.T) {
	content := endpointtest.Content(1, 3*partSize)
	changed := bytes.Clone(content)
	changed[partSize+5]++
	for name, before := range map[string][]byte{"Same": content, "Changed": changed} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			begun(t, w.direct, before, []int64{0, partSize})
			o := upTo(bound)
			said := ""
			o.Note = func(s string) { said = s }
			u, err := s3.Create(t.Context(), w.direct, o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := putAll(t.Context(), u, content, offsets(u, content)); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(said, "the disk or the program was another") != (name == "Changed") {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// TestOlderUploadsEnd leaves uploads with parts of another size, as of a disk
// that has grown since.
func TestOlderUploadsEnd(t *testing.T) {
	w := newWorld(t)
	older, err := s3.Create(t.Context(), w.direct, upTo(200<<30))
	if err != nil {
		t.Fatal(err)
	}
	content := endpointtest.Content(1, 2*int(older.Parts().Size))
	if older.Parts().Size == partSize {
		t.Fatal("parts of 200 GiB are as large as those of 1 GiB")
	}
	if _, err := putAll(t.Context(), older, content, offsets(older, content)); err != nil {
		t.Fatal(err)
	}
	o := upTo(bound)
	said := ""
	o.Note = func(s string) { said = s }
	u, err := s3.Create(t.Context(), w.direct, o)
	if err != nil || !strings.Contains(said, "parts of another size") {
		t.Fatalf("it says %q, %v", said, err)
	}
	reused, err := putAll(t.Context(), u, content, offsets(u, content))
	if err != nil || reused != 0 || w.uploads(t) != 2 {
		t.Fatalf("%d bytes reused, %d uploads, %v", reused, w.uploads(t), err)
	}
	if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
		t.Fatal(err)
	}
	w.holds(t, content)
	if n := w.uploads(t); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// TestPartsOfALargeDisk sends parts that are larger than the smallest, and goes
// on with them: a bound always cuts alike.
func TestPartsOfALargeDisk(t *testing.T) {
	w := newWorld(t)
	var content []byte
	for _, attempt := range []struct{ parts, reused int }{{2, 0}, {4, 2}} {
		u, err := s3.Create(t.Context(), w.direct, upTo(200<<30))
		if err != nil {
			t.Fatal(err)
		}
		size := int(u.Parts().Size)
		if size <= partSize {
			t.Fatalf("parts of 200 GiB have %d bytes, as those of 1 GiB", size)
		}
		content = endpointtest.Content(1, 3*size+99)
		reused, err := putAll(t.Context(), u, content, offsets(u, content)[:attempt.parts])
		if err != nil || reused != int64(attempt.reused*size) {
			t.Fatalf("%d bytes reused, want %d parts of %d: %v", reused, attempt.reused, size, err)
		}
		if attempt.reused == 0 {
			continue
		}
		if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
			t.Fatal(err)
		}
	}
	w.holds(t, content)
	if n := w.uploads(t); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

// TestKeepAndAbort ends an upload in both ways.
func TestKeepAndAbort(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 2*partSize)
	if err := begun(t, w.direct, content, []int64{0}).Abort(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	u := create(t, w.direct)
	reused, err := putAll(t.Context(), u, content, offsetsOf(content))
	if err != nil || reused != partSize {
		t.Errorf("%d bytes reused after an end that keeps, %v", reused, err)
	}
	if err := u.Abort(t.Context(), false); err != nil || w.uploads(t) != 0 {
		t.Errorf("%d uploads are left after an end that keeps nothing, %v", w.uploads(t), err)
	}
	w.holds(t, nil)
}

// TestTwoWritersShareAnUpload lets a second writer go on with what the first is
// still at, with other bytes: their parts never mix, and nothing is lost to the
// next attempt.
func TestTwoWritersShareAnUpload(t *testing.T) {
	w := newWorld(t)
	one, two := endpointtest.Content(1, 3*partSize), endpointtest.Content(2, 3*partSize)
	first := begun(t, w.direct, one, []int64{0, partSize})
	second := create(t, w.direct)
	if _, err := putAll(t.Context(), second, two, offsetsOf(two)); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Put(t.Context(), one[2*partSize:], 2*partSize); err != nil {
		t.Fatal(err)
	}
	// Now the upload has two parts of the second and one of the first.
	for _, u := range []struct {
		upload  disk.Upload
		content []byte
	}{{first, one}, {second, two}} {
		_, err := u.upload.Commit(t.Context(), sumOf(u.content))
		if transfer.ReasonOf(err) != transfer.ReasonTargetChanged {
			t.Errorf("got %v (%s), want reason %s", err, transfer.ReasonOf(err), transfer.ReasonTargetChanged)
		}
		if err := u.upload.Abort(t.Context(), false); err != nil {
			t.Error(err)
		}
		w.holds(t, nil)
	}
	// The next attempt of either mends it.
	third := create(t, w.direct)
	reused, err := putAll(t.Context(), third, two, offsetsOf(two))
	if err != nil || reused != 2*partSize {
		t.Errorf("%d bytes reused, %v", reused, err)
	}
	if _, err := third.Commit(t.Context(), sumOf(two)); err != nil {
		t.Fatal(err)
	}
	w.holds(t, two)
}
