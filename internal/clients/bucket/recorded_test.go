// SPDX-License-Identifier: Apache-2.0

package bucket_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// A request is what of a request stores have refused.
type request struct {
	what string // method and query
	body string
}

// recorded is a bucket in a store behind a proxy, and the requests for it. Some
// the proxy answers itself.
func recorded(t *testing.T, fault versity.Fault, change func(*bucket.Options)) (*bucket.Bucket, func() []request) {
	t.Helper()
	srv := versitygw(t)
	proxy := versity.NewProxy(t, &versity.Server{URL: srv.url})
	var mu sync.Mutex
	var seen []request
	proxy.Set(func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		mu.Lock()
		seen = append(seen, request{what: r.Method + " " + r.URL.RawQuery, body: string(body)})
		mu.Unlock()
		return fault != nil && fault(w, r)
	})
	srv.url = proxy.URL
	o := srv.options("recorded")
	change(&o)
	return open(t, o), func() []request {
		mu.Lock()
		defer mu.Unlock()
		return append([]request(nil), seen...)
	}
}

// onceRefused answers the first request with an error, and takes all others.
func onceRefused(code string) http.HandlerFunc {
	first := true
	return func(w http.ResponseWriter, r *http.Request) {
		if first {
			versity.Answer(http.StatusBadRequest, code, "no")(w, r)
		}
		first = false
	}
}

// TestRegionOfCreation shows that the first region is not named, others are, and
// that a store which knows none is asked without.
func TestRegionOfCreation(t *testing.T) {
	cases := map[string]struct {
		reason  string
		region  string
		fault   versity.Fault
		generic bool
		bodies  []string // what is named, request by request
		want    bucket.Reason
	}{
		"First":   {"AWS refuses to be told its first region", "us-east-1", nil, false, []string{""}, ""},
		"Other":   {"others are named", "eu-central-1", versity.Times(versity.Always, versity.Any, func(http.ResponseWriter, *http.Request) {}), false, []string{"eu-central-1"}, ""},
		"Unknown": {"a store that knows no regions is asked without", "here", versity.Times(versity.Always, versity.Any, onceRefused("InvalidLocationConstraint")), true, []string{"here", ""}, ""},
		"Refused": {"AWS knows better where it is", "eu-central-1", versity.Times(versity.Always, versity.Any, versity.Answer(400, "IllegalLocationConstraintException", "no")), false,
			[]string{"eu-central-1"}, bucket.WrongRegion},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, seen := recorded(t, tc.fault, func(o *bucket.Options) { o.Region, o.Generic = tc.region, tc.generic })
			err := b.Create(t.Context(), bucket.Settings{})
			if tc.want == "" {
				must(t, err)
			} else {
				wants(t, tc.reason, err, tc.want)
			}
			for i, r := range seen() {
				if i >= len(tc.bodies) || tc.bodies[i] == "" && strings.Contains(r.body, "LocationConstraint") || !strings.Contains(r.body, tc.bodies[i]) {
					t.Errorf("%s: request %d has body %q", tc.reason, i+1, r.body)
				}
			}
		})
	}
}

// TestAnswersOfStores shows what the answers of stores are taken for.
func TestAnswersOfStores(t *testing.T) {
	head := func(r *http.Request) bool { return r.Method == http.MethodHead }
	located := func(r *http.Request) bool { return r.URL.Query().Has("location") }
	both := func(first, second http.HandlerFunc) versity.Fault {
		return func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case head(r):
				first(w, r)
			case located(r):
				second(w, r)
			}
			return head(r) || located(r)
		}
	}
	denied := versity.Answer(403, "AccessDenied", "Access Denied")
	cases := map[string]struct {
		reason string
		fault  versity.Fault
		want   bucket.Reason
		says   string
	}{
		"Moved":     {"301 is a bucket in another region, which the answer names", versity.Times(1, head, versity.Answer(301, "", "", "X-Amz-Bucket-Region", "eu-west-1")), bucket.WrongRegion, "eu-west-1"},
		"Malformed": {"so is a 400 that names one", versity.Times(1, head, versity.Answer(400, "", "", "X-Amz-Bucket-Region", "eu-west-1")), bucket.WrongRegion, "eu-west-1"},
		"Forbidden": {"403 is no absence", both(denied, denied), bucket.Denied, "AccessDenied"},
		"Expired":   {"what is wrong with credentials the answer to a question says", both(versity.Answer(400, "", ""), versity.Answer(400, "ExpiredToken", "The token has expired")), bucket.CredentialsRefused, "ExpiredToken"},
		"Throttled": {"a store that is busy is asked again", versity.Times(1, head, versity.Answer(503, "", "")), "", "503"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, _ := recorded(t, tc.fault, func(*bucket.Options) {})
			s, err := b.Look(t.Context(), bucket.Settings{})
			if err == nil {
				t.Fatalf("%s: got %+v", tc.reason, s)
			}
			if tc.want != "" {
				wants(t, tc.reason, err, tc.want)
			}
			if !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "RequestID") {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}

// TestWaysToSayNo shows that a store which cannot do something is believed,
// whatever it says it by.
func TestWaysToSayNo(t *testing.T) {
	asked := func(r *http.Request) bool { return r.URL.Query().Has("encryption") }
	cases := map[string]http.HandlerFunc{
		"NotImplemented":   versity.Answer(501, "NotImplemented", "no"),
		"XNotImplemented":  versity.Answer(501, "XNotImplemented", "no"),
		"MethodNotAllowed": versity.Answer(405, "MethodNotAllowed", "no"),
		"Bare405":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) },
		"Bare400":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		// It says yes, and does nothing.
		"Ignored": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				versity.Answer(404, "ServerSideEncryptionConfigurationNotFoundError", "none")(w, r)
			}
		},
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			b, _ := recorded(t, versity.Times(versity.Always, asked, answer), func(*bucket.Options) {})
			want := bucket.Settings{Encryption: &bucket.Encryption{}}
			must(t, b.Create(t.Context(), want))
			done, err := b.Apply(t.Context(), want, map[string]bool{bucket.FeatureEncryption: true})
			must(t, err)
			if done[bucket.FeatureEncryption].Verdict != bucket.Unsupported {
				t.Errorf("got %+v", done)
			}
			s, err := b.Look(t.Context(), want)
			must(t, err)
			if v := s.Features[bucket.FeatureEncryption]; v != bucket.Unsupported && name != "Ignored" {
				t.Errorf("a look finds %s", v)
			}
		})
	}
}

// TestNothingIsAskedUnasked shows that the store hears nothing of what is not
// wanted.
func TestNothingIsAskedUnasked(t *testing.T) {
	b, seen := recorded(t, nil, func(*bucket.Options) {})
	must(t, b.Create(t.Context(), bucket.Settings{}))
	_, err := b.Look(t.Context(), bucket.Settings{Versioning: "Enabled"})
	must(t, err)
	var got []string
	for _, r := range seen() {
		got = append(got, strings.TrimSuffix(r.what, "="))
	}
	if want := "PUT , HEAD , GET versioning"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
