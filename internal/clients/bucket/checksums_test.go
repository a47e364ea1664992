// SPDX-License-Identifier: Apache-2.0

package bucket_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// A demand answers a request whose checksums a store does not take, and says so.
type demand func(w http.ResponseWriter, r *http.Request, body string) (refused bool)

// needsSum reports whether S3 wants a checksum of a request's body: of each that
// sets something of a bucket, and of the one that deletes many objects.
func needsSum(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.RawQuery != "" || r.Method == http.MethodPost && r.URL.Query().Has("delete")
}

// older is a store from before the SDK's checksums, as was recorded of several
// (aws-sdk-go-v2, issue 3258): it takes no header that it does not know, and
// wants Content-MD5.
func older(w http.ResponseWriter, r *http.Request, body string) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Checksum-") || strings.HasPrefix(name, "X-Amz-Sdk-Checksum-") || name == "X-Amz-Trailer" {
			versity.Answer(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented")(w, r)
			return true
		}
	}
	sum := md5.Sum([]byte(body))
	switch got := r.Header.Get("Content-Md5"); {
	case !needsSum(r) || got == base64.StdEncoding.EncodeToString(sum[:]):
		return false
	case got == "":
		versity.Answer(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: Content-MD5")(w, r)
	default:
		versity.Answer(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received")(w, r)
	}
	return true
}

// newer is a store that wants the checksum which the SDK sends to AWS.
func newer(w http.ResponseWriter, r *http.Request, body string) bool {
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
	if !needsSum(r) || r.Header.Get("X-Amz-Checksum-Crc32") == sum && r.Header.Get("Content-Md5") == "" {
		return false
	}
	versity.Answer(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")(w, r)
	return true
}

// demanding is a real store behind a demand. What the store does not have it is
// lent: it says what it was told.
func demanding(t *testing.T, d demand, generic bool) (*bucket.Bucket, *s3conn.Conn) {
	t.Helper()
	srv := versitygw(t)
	lent := &memory{}
	proxy := versity.NewProxy(t, &versity.Server{URL: srv.url})
	proxy.Set(func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		return d(w, r, string(body)) || lent.answer(w, r, string(body))
	})
	c := direct(t, srv)
	srv.url = proxy.URL
	o := srv.options("sums")
	o.Generic = generic
	return open(t, o), c
}

// A memory holds settings of a bucket, by the query that asks for them.
type memory struct {
	mu   sync.Mutex
	kept map[string]string
}

func (m *memory) answer(w http.ResponseWriter, r *http.Request, body string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, query := range []string{"lifecycle", "encryption", "publicAccessBlock"} {
		if !r.URL.Query().Has(query) {
			continue
		}
		if m.kept == nil {
			m.kept = map[string]string{}
		}
		if r.Method == http.MethodPut {
			m.kept[query] = body
		} else {
			_, _ = io.WriteString(w, m.kept[query])
		}
		return true
	}
	return false
}

// TestChecksums shows that each preset does all that there is in a store of its
// kind: older ones want Content-MD5 and refuse what they do not know, AWS wants
// the SDK's own. In the other kind neither would.
func TestChecksums(t *testing.T) {
	cases := map[string]struct {
		reason  string
		demand  demand
		generic bool
		same    bool
	}{
		"GenericOlder": {"the Generic preset suits older stores", older, true, true},
		"AWSNewer":     {"the AWS preset suits AWS", newer, false, true},
		"AWSOlder":     {"the SDK's checksums do not suit older stores", older, false, false},
		"GenericNewer": {"a store that wants the SDK's checksum notices that there is none", newer, true, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := demanding(t, tc.demand, tc.generic)
			want := everything("sums")
			want.ObjectLock = &bucket.ObjectLock{}
			must(t, b.Create(t.Context(), bucket.Settings{ObjectLock: want.ObjectLock}))
			put(t, c, "sums", "one")
			s, err := b.Look(t.Context(), want)
			must(t, err)
			names := map[string]bool{}
			for n := range s.Features {
				names[n] = true
			}
			delete(names, bucket.FeatureOwner)
			done, err := b.Apply(t.Context(), want, names)
			must(t, err)
			if got := slices.Sorted(maps.Keys(done)); len(got) != 9 {
				t.Errorf("%s: set %v, want all features", tc.reason, got)
			}
			for feature, o := range done {
				if (o.Verdict == bucket.Same) != tc.same {
					t.Errorf("%s: %s is %+v", tc.reason, feature, o)
				}
			}
			if _, err = b.Empty(t.Context(), 100); (err == nil) != tc.same && name != "AWSOlder" {
				t.Errorf("%s: emptying says %v", tc.reason, err)
			}
		})
	}
}

// TestDeletesOneByOne shows that a store which takes no checksum of a request for
// many objects is emptied all the same, whatever the preset.
func TestDeletesOneByOne(t *testing.T) {
	b, c := demanding(t, older, false)
	must(t, b.Create(t.Context(), bucket.Settings{}))
	for i := range 3 {
		put(t, c, "sums", fmt.Sprint(i))
	}
	r, err := b.Empty(t.Context(), 100)
	must(t, err)
	if r.Objects != 3 || !r.Done {
		t.Errorf("got %+v", r)
	}
}
