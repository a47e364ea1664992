// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	partSize = 16<<20 + 4096
	bound    = 1 << 30
)

func upTo(most int64) s3.Options { return s3.Options{Most: most} }

func create(t *testing.T, p store.Place) *retry.Upload {
	t.Helper()
	u, err := retry.Create(t.Context(), patient(), func(ctx context.Context) (disk.Upload, error) { return s3.Create(ctx, p, upTo(bound)) })
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func sumOf(content []byte) disk.Sum {
	return disk.Sum{Size: int64(len(content)), SHA256: sha256.Sum256(content)}
}

// offsets of the parts of a content.
func offsets(u disk.Upload, content []byte) []int64 {
	var offs []int64
	for off := int64(0); off < int64(len(content)); off += u.Parts().Size {
		offs = append(offs, off)
	}
	return offs
}

// putAll puts the parts at some offsets, three at a time, in any order but for the
// last one, until one fails, and returns how many bytes were there already.
func putAll(ctx context.Context, u disk.Upload, content []byte, offs []int64) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	offs = append([]int64(nil), offs...)
	rand.New(rand.NewPCG(1, 2)).Shuffle(max(0, len(offs)-1), func(i, j int) { offs[i], offs[j] = offs[j], offs[i] })
	var mu sync.Mutex
	var first error
	reused := int64(0)
	work := make(chan int64)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for off := range work {
				p := content[off:min(off+u.Parts().Size, int64(len(content)))]
				was, err := u.Put(ctx, p, off)
				mu.Lock()
				if was {
					reused += int64(len(p))
				}
				if first == nil && err != nil {
					first = err
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	for _, off := range offs {
		work <- off
	}
	close(work)
	wg.Wait()
	return reused, first
}

func TestUpload(t *testing.T) {
	w := newWorld(t)
	cases := map[string]struct {
		reason string
		size   int
		parts  int
	}{
		"Empty":        {"nothing at all", 0, 0},
		"OneByte":      {"one request", 1, 0},
		"Small":        {"still one request", 16 << 20, 0},
		"JustAPart":    {"more than is kept in memory", 16<<20 + 1, 1},
		"OnePart":      {"one part that is whole", partSize, 1},
		"PartAndABit":  {"a last part of one byte", partSize + 1, 2},
		"WholeParts":   {"a last part that is whole", 3 * partSize, 3},
		"ManyAndABit":  {"many parts, out of order", 5*partSize + 12345, 6},
		"ReplacesThem": {"what was there is replaced", 2*partSize + 1, 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			content := endpointtest.Content(uint64(len(name)), tc.size)
			var before []byte
			w.remove(t)
			if name == "ReplacesThem" {
				before = []byte("before")
				w.put(t, before)
			}
			w.proxy.Set(nil)
			u := create(t, w.through)
			if reused, err := putAll(t.Context(), u, content, offsets(u, content)); err != nil || reused != 0 {
				t.Fatalf("%s: Put: %d bytes reused, %v", tc.reason, reused, err)
			}
			w.holds(t, before)
			placed, err := u.Commit(t.Context(), sumOf(content))
			if err != nil {
				t.Fatalf("%s: Commit: %v", tc.reason, err)
			}
			w.holds(t, content)
			if placed.URI != "s3://bucket/disks/one.qcow2" || len(placed.Validator) < 32 {
				t.Errorf("%s: placed as %+v", tc.reason, placed)
			}
			parts := 0
			for _, r := range w.proxy.Requests() {
				if strings.Contains(r, "partNumber=") {
					parts++
				}
			}
			if parts != tc.parts || w.uploads(t) != 0 {
				t.Errorf("%s: %d parts were sent and %d uploads left, want %d and none", tc.reason, parts, w.uploads(t), tc.parts)
			}
		})
	}
}

// TestUploadTooLarge refuses at once what is certainly too large for one object,
// and what may become so when it has.
func TestUploadTooLarge(t *testing.T) {
	w := newWorld(t)
	_, err := s3.Create(t.Context(), store.Place{}, s3.Options{Least: 2 << 40, Most: 2 << 40})
	if transfer.ReasonOf(err) != transfer.ReasonTargetRefused || !strings.Contains(err.Error(), "10000 parts") {
		t.Errorf("got %v, want reason %s", err, transfer.ReasonTargetRefused)
	}
	u, err := s3.Create(t.Context(), w.direct, upTo(5<<40))
	if err != nil {
		t.Fatal(err)
	}
	size := u.Parts().Size
	last := make([]byte, size)
	if _, err := u.Put(t.Context(), last, 9999*size); err != nil {
		t.Errorf("part 10000: %v", err)
	}
	_, err = u.Put(t.Context(), last, 10000*size)
	if transfer.ReasonOf(err) != transfer.ReasonTargetRefused || !strings.Contains(err.Error(), "10000 parts of 133173248 bytes") {
		t.Errorf("part 10001: got %v, want reason %s", err, transfer.ReasonTargetRefused)
	}
	if err := u.Abort(t.Context(), false); err != nil || w.uploads(t) != 0 {
		t.Errorf("Abort: %v, and %d uploads are left", err, w.uploads(t))
	}
}

func TestUploadIsNotWhole(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 3*partSize)
	u := create(t, w.direct)
	if _, err := putAll(t.Context(), u, content, []int64{0, 2 * partSize}); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(t.Context(), sumOf(content)); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("Commit without a part: %v", err)
	}
	w.holds(t, nil)
	if err := u.Abort(t.Context(), false); err != nil || w.uploads(t) != 0 {
		t.Errorf("Abort: %v, and %d uploads are left", err, w.uploads(t))
	}
}

// TestUploadOnABadLink is what a store and a link do to an upload that then
// succeeds all the same.
func TestUploadOnABadLink(t *testing.T) {
	w := newWorld(t)
	large, small := endpointtest.Content(1, 3*partSize+99), endpointtest.Content(2, 99)
	cases := map[string]struct {
		reason  string
		content []byte
		fault   versity.Fault
	}{
		"Unavailable":    {"the store is away for a while", large, versity.Times(6, versity.Any, versity.Answer(503, "ServiceUnavailable", "later"))},
		"SlowDown":       {"the store wants fewer requests", large, versity.Times(6, versity.IsPart, versity.Answer(503, "SlowDown", "later", "Retry-After", "1"))},
		"Gateway":        {"a proxy before the store has no one behind it", large, versity.Times(3, versity.Any, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusGatewayTimeout) })},
		"CutInPart":      {"the connection ends in the middle of parts", large, versity.Times(4, versity.IsPart, versity.Cut(7<<20))},
		"LostPart":       {"a part arrives, and its answer does not", large, versity.Times(2, versity.IsPart, w.proxy.Swallow)},
		"LostBegin":      {"an upload begins, and its name is lost", large, versity.Times(2, begins, w.proxy.Swallow)},
		"CutInBegin":     {"the connection ends before an upload begins", large, versity.Times(2, begins, versity.Cut(0))},
		"CutInList":      {"or in the middle of a list", large, versity.Times(2, versity.IsGet, w.proxy.Halve)},
		"CutInHead":      {"or before there is an answer", large, versity.Times(2, func(r *http.Request) bool { return r.Method == http.MethodHead }, versity.Cut(0))},
		"LostComplete":   {"the last request arrives, and its answer does not", large, versity.Times(1, versity.IsComplete, w.proxy.Swallow)},
		"LostPutObject":  {"the same of a small artifact", small, versity.Times(1, versity.IsPutObject, w.proxy.Swallow)},
		"Error200":       {"the last answer begins well and is an error", large, versity.Times(2, versity.IsComplete, versity.Answer(200, "InternalError", "sorry"))},
		"Unconditional":  {"the store knows no conditional requests", large, versity.Times(1, versity.IsComplete, versity.Answer(501, "NotImplemented", "what?"))},
		"Unconditional1": {"the same of a small artifact", small, versity.Times(1, versity.IsPutObject, versity.Answer(501, "NotImplemented", "what?"))},
		"Damaged":        {"a part is damaged on the way", large, versity.Times(1, versity.IsPart, versity.Answer(400, "BadDigest", "not that"))},
		"NoListing":      {"uploads may not be listed", large, versity.Times(versity.Always, func(r *http.Request) bool { return versity.IsGet(r) && r.URL.Query().Has("uploads") }, versity.Answer(403, "AccessDenied", "no"))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.remove(t)
			w.proxy.Set(tc.fault)
			u := create(t, w.through)
			if _, err := putAll(t.Context(), u, tc.content, offsets(u, tc.content)); err != nil {
				t.Fatalf("%s: Put: %v", tc.reason, err)
			}
			w.holds(t, nil)
			if _, err := u.Commit(t.Context(), sumOf(tc.content)); err != nil {
				t.Fatalf("%s: Commit: %v", tc.reason, err)
			}
			w.holds(t, tc.content)
			if n := w.uploads(t); n != 0 {
				t.Errorf("%s: %d uploads are left", tc.reason, n)
			}
		})
	}
}

// TestTokenIsRenewed lets the session token expire before each kind of
// request.
func TestTokenIsRenewed(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 2*partSize)
	kinds := map[string]func(*http.Request) bool{"Head": versity.Any, "Part": versity.IsPart, "Complete": versity.IsComplete}
	for name, when := range kinds {
		t.Run(name, func(t *testing.T) {
			w.remove(t)
			w.token(t, "session-token-secret-1")
			p := w.through
			p.Conn = connect(t, w.proxy.URL, w.folder)
			var mu sync.Mutex
			over := false
			w.proxy.Set(func(rw http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				over = over || when(r)
				refuse := over && r.Header.Get("X-Amz-Security-Token") == "session-token-secret-1"
				mu.Unlock()
				if refuse {
					w.token(t, "session-token-secret-2")
					versity.Answer(400, "ExpiredToken", "The provided token has expired")(rw, r)
					return true
				}
				versity.Resign(t, r)
				return false
			})
			u, err := s3.Create(t.Context(), p, upTo(bound))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := putAll(t.Context(), u, content, offsets(u, content)); err != nil {
				t.Fatal(err)
			}
			if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
				t.Fatal(err)
			}
			w.holds(t, content)
		})
	}
}

// TestUploadIsRefused is what no other try can mend: it ends at once.
func TestUploadIsRefused(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 2*partSize)
	cases := map[string]struct {
		reason string
		fault  http.HandlerFunc
		want   transfer.Reason
	}{
		"Denied":   {"the key may not write", versity.Answer(403, "AccessDenied", "Access Denied"), transfer.ReasonUnauthorized},
		"Quota":    {"the bucket is full", versity.Answer(403, "QuotaExceeded", "enough"), transfer.ReasonOutOfSpace},
		"Space":    {"the store is full", versity.Answer(507, "InsufficientStorage", "enough"), transfer.ReasonOutOfSpace},
		"NoBucket": {"the bucket is gone", versity.Answer(404, "NoSuchBucket", "gone"), transfer.ReasonTargetRefused},
		"Upload":   {"somebody has ended the upload", versity.Answer(404, "NoSuchUpload", "gone"), transfer.ReasonTargetChanged},
		"TooLarge": {"the store takes no such objects", versity.Answer(400, "EntityTooLarge", "too large"), transfer.ReasonTargetRefused},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.proxy.Set(versity.Times(versity.Always, versity.IsPart, tc.fault))
			u := create(t, w.through)
			_, err := u.Put(t.Context(), content[:partSize], 0)
			noSecret(t, err)
			if transfer.ReasonOf(err) != tc.want {
				t.Errorf("%s: got %v (%s), want reason %s", tc.reason, err, transfer.ReasonOf(err), tc.want)
			}
			parts := 0
			for _, r := range w.proxy.Requests() {
				if strings.HasPrefix(r, "PUT") {
					parts++
				}
			}
			if parts != 1 {
				t.Errorf("%s: %d requests, want no other try", tc.reason, parts)
			}
			w.holds(t, nil)
			if err := u.Abort(t.Context(), false); err != nil {
				t.Errorf("%s: Abort: %v", tc.reason, err)
			}
		})
	}
}

// TestAbortWithPartUnderWay ends an upload while the store still takes in a part
// of it: the store makes that part a file when the upload has ended.
func TestAbortWithPartUnderWay(t *testing.T) {
	w := newWorld(t)
	aborted, over := make(chan struct{}), make(chan struct{})
	arrive := sync.OnceFunc(func() { close(aborted) })
	defer arrive()
	ctx, cancel := context.WithCancel(t.Context())
	late := versity.Times(1, versity.IsPart, w.proxy.Late(cancel, aborted))
	abort := versity.Times(1, versity.IsAbort, w.proxy.Altered(func(_ http.Header, body string) string { arrive(); return body }))
	w.proxy.Set(func(rw http.ResponseWriter, r *http.Request) bool {
		if versity.IsPart(r) {
			defer close(over)
		}
		return late(rw, r) || abort(rw, r)
	})
	u := create(t, w.through)
	if _, err := u.Put(ctx, endpointtest.Content(1, partSize), 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("Put: %v, want that of the context", err)
	}
	if err := u.Abort(t.Context(), false); err != nil {
		t.Errorf("Abort: %v", err)
	}
	<-over
	if left := w.Unfinished(t); len(left) > 0 {
		t.Errorf("the store still has %v", left)
	}
}

func TestTargetWithoutBucket(t *testing.T) {
	p := newWorld(t).direct
	p.Bucket = "nobody"
	if _, err := s3.Create(t.Context(), p, upTo(bound)); transfer.ReasonOf(err) != transfer.ReasonTargetRefused || !strings.Contains(err.Error(), "no bucket nobody") {
		t.Errorf("got %v, want reason %s", err, transfer.ReasonTargetRefused)
	}
}

// TestAnotherWriter lets others write to the key while it is written to.
func TestAnotherWriter(t *testing.T) {
	w := newWorld(t)
	large, small := endpointtest.Content(1, 2*partSize), endpointtest.Content(2, 99)
	others := []byte("another one's")
	cases := map[string]struct {
		reason  string
		content []byte
		before  []byte
		when    func(*http.Request) bool // before which request; nil: before Commit
		act     func(t *testing.T)
		after   []byte
	}{
		"Puts":        {"an object comes where none was", large, nil, nil, func(t *testing.T) { w.put(t, others) }, others},
		"PutsSmall":   {"the same for a small artifact", small, nil, nil, func(t *testing.T) { w.put(t, others) }, others},
		"Replaces":    {"an object is replaced", large, []byte("before"), nil, func(t *testing.T) { w.put(t, others) }, others},
		"Removes":     {"an object is removed", large, []byte("before"), nil, func(t *testing.T) { w.remove(t) }, nil},
		"LastMoment":  {"between the last look and the last request", large, nil, versity.IsComplete, func(t *testing.T) { w.put(t, others) }, others},
		"LastMoment1": {"the same for a small artifact", small, nil, versity.IsPutObject, func(t *testing.T) { w.put(t, others) }, others},
		"LastMoment2": {"the same where an object was", large, []byte("before"), versity.IsComplete, func(t *testing.T) { w.put(t, others) }, others},
		"Vanishes":    {"an object is removed in the last moment", large, []byte("before"), versity.IsComplete, func(t *testing.T) { w.remove(t) }, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w.remove(t)
			if tc.before != nil {
				w.put(t, tc.before)
			}
			w.proxy.Set(nil)
			u := create(t, w.through)
			if _, err := putAll(t.Context(), u, tc.content, offsets(u, tc.content)); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			if tc.when == nil {
				tc.act(t)
			} else {
				w.proxy.Set(func(_ http.ResponseWriter, r *http.Request) bool {
					if tc.when(r) {
						once.Do(func() { tc.act(t) })
					}
					return false
				})
			}
			_, err := u.Commit(t.Context(), sumOf(tc.content))
			if transfer.ReasonOf(err) != transfer.ReasonTargetChanged {
				t.Errorf("%s: got %v (%s), want reason %s", tc.reason, err, transfer.ReasonOf(err), transfer.ReasonTargetChanged)
			}
			w.holds(t, tc.after)
			if err := u.Abort(t.Context(), false); err != nil || w.uploads(t) != 0 {
				t.Errorf("%s: Abort: %v, and %d uploads are left", tc.reason, err, w.uploads(t))
			}
		})
	}
}

// TestTheSameAgain commits bytes that stand there already.
func TestTheSameAgain(t *testing.T) {
	w := newWorld(t)
	for _, size := range []int{99, 2 * partSize} {
		content := endpointtest.Content(1, size)
		var tags []string
		for range 2 {
			u := create(t, w.direct)
			if _, err := putAll(t.Context(), u, content, offsets(u, content)); err != nil {
				t.Fatal(err)
			}
			placed, err := u.Commit(t.Context(), sumOf(content))
			if err != nil {
				t.Fatal(err)
			}
			tags = append(tags, placed.Validator)
		}
		if tags[0] != tags[1] || w.uploads(t) != 0 {
			t.Errorf("tags %q and %d uploads left, want one tag and none", tags, w.uploads(t))
		}
		w.holds(t, content)
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, partSize)
	u := create(t, w.through)
	ctx, cancel := context.WithCancel(t.Context())
	w.proxy.Set(func(http.ResponseWriter, *http.Request) bool { cancel(); return false })
	if _, err := u.Put(ctx, content, 0); transfer.ReasonOf(err) != transfer.ReasonInterrupted {
		t.Errorf("got %v, want reason %s", err, transfer.ReasonInterrupted)
	}
}

func deletes(r *http.Request) bool {
	return r.Method == http.MethodDelete && !r.URL.Query().Has("uploadId")
}

func TestRemove(t *testing.T) {
	content := []byte("content")
	cases := map[string]struct {
		reason string
		change func(t *testing.T, w *world)
		fault  versity.Fault
		left   []byte
	}{
		"Made":          {"what was made goes", func(*testing.T, *world) {}, nil, nil},
		"Gone":          {"it is gone already", func(t *testing.T, w *world) { w.remove(t) }, nil, nil},
		"Replaced":      {"another one's stays", func(t *testing.T, w *world) { w.put(t, []byte("other")) }, nil, []byte("other")},
		"LastMoment":    {"so does one that comes between the look and the removal", func(*testing.T, *world) {}, versity.Times(1, deletes, versity.Answer(412, "PreconditionFailed", "another")), content},
		"Unconditional": {"the store knows no conditional requests", func(*testing.T, *world) {}, versity.Times(1, deletes, versity.Answer(501, "NotImplemented", "what?")), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			u := create(t, w.direct)
			if _, err := u.Put(t.Context(), content, 0); err != nil {
				t.Fatal(err)
			}
			placed, err := u.Commit(t.Context(), sumOf(content))
			if err != nil {
				t.Fatal(err)
			}
			left := create(t, w.direct)
			if _, err := left.Put(t.Context(), endpointtest.Content(1, partSize), 0); err != nil {
				t.Fatal(err)
			}
			tc.change(t, w)
			w.proxy.Set(tc.fault)
			replaced, err := s3.Remove(t.Context(), w.through, &transfer.ArtifactFacts{Validator: placed.Validator, VersionID: placed.VersionID})
			if err != nil || replaced != (tc.left != nil) {
				t.Errorf("%s: got %t, %v", tc.reason, replaced, err)
			}
			w.holds(t, tc.left)
			if n := w.uploads(t); n != 0 {
				t.Errorf("%s: %d uploads are left", tc.reason, n)
			}
		})
	}
}

func TestRemoveUploadsAlone(t *testing.T) {
	w := newWorld(t)
	w.put(t, []byte("kept"))
	other := w.direct
	other.Key += "2"
	for _, p := range []store.Place{w.direct, other} {
		if _, err := create(t, p).Put(t.Context(), endpointtest.Content(1, partSize), 0); err != nil {
			t.Fatal(err)
		}
	}
	if replaced, err := s3.Remove(t.Context(), w.direct, nil); err != nil || replaced {
		t.Fatal(replaced, err)
	}
	w.holds(t, []byte("kept"))
	out, err := w.direct.Conn.ListMultipartUploads(t.Context(), &api.ListMultipartUploadsInput{Bucket: &w.direct.Bucket})
	if err != nil || len(out.Uploads) != 1 || *out.Uploads[0].Key != other.Key {
		t.Errorf("the upload of another key is to stay alone: %+v, %v", out, err)
	}
}
