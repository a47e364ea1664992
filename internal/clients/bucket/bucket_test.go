// SPDX-License-Identifier: Apache-2.0

package bucket_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// versityProgram is a real S3 server, which is built when it never was.
var versityProgram = sync.OnceValues(func() (string, error) { return versity.Program(context.Background()) })

// A server is a real S3 server.
type server struct {
	url, id, secret string

	// cannot are the features that it does not have.
	cannot []string

	// keepsUploads says that it has no lifecycle rule for uploads that were
	// not finished, and refuses those that name one.
	keepsUploads bool
}

const region = "us-east-1"

func versitygw(t *testing.T) server {
	t.Helper()
	program, err := versityProgram()
	must(t, err)
	return server{
		url: versity.Start(t, program).URL, id: versity.AccessKeyID, secret: versity.SecretAccessKey,
		cannot: []string{bucket.FeatureLifecycle, bucket.FeatureEncryption, bucket.FeaturePublicAccess},
	}
}

// servers are those that every test of behaviour runs against.
func servers() map[string]func(*testing.T) server {
	all := map[string]func(*testing.T) server{"versitygw": versitygw}
	maps.Copy(all, others())
	return all
}

func (s server) options(name string) bucket.Options {
	return bucket.Options{
		Endpoint: s.url, Region: region, Name: name, Generic: true,
		Files:  map[string][]byte{"accessKeyId": []byte(s.id), "secretAccessKey": []byte(s.secret)},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.0/8"}},
	}
}

func open(t *testing.T, o bucket.Options) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(t.Context(), o)
	must(t, err)
	t.Cleanup(b.Close)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails unless an error is a problem with a reason.
func wants(t *testing.T, what string, err error, r bucket.Reason) *bucket.Problem {
	t.Helper()
	var p *bucket.Problem
	if !errors.As(err, &p) || p.Reason != r {
		t.Fatalf("%s: want %s, got %v", what, r, err)
	}
	return p
}

func policyFor(name, action string) string {
	return `{"Version": "2012-10-17", "Statement": [{"Sid": "read", "Effect": "Allow", "Principal": "*", "Action": ["` + action + `"], "Resource": ["arn:aws:s3:::` + name + `/*"]}]}`
}

// everything asks for all that there is.
func everything(name string) bucket.Settings {
	return bucket.Settings{
		Versioning: "Enabled",
		Lifecycle: []bucket.LifecycleRule{
			{Name: "uploads", AbortUploads: 7},
			{Name: "old", Prefix: "vms/", Expiration: 30, NoncurrentExpiration: 3},
		},
		Encryption:   &bucket.Encryption{},
		Policy:       policyFor(name, "s3:GetObject"),
		PublicAccess: &bucket.PublicAccess{BlockACLs: true, IgnoreACLs: true},
		CORS:         []bucket.CORSRule{{Origins: []string{"https://b.example.com", "https://a.example.com"}, Methods: []string{"PUT", "GET"}}},
		ObjectLock:   &bucket.ObjectLock{Mode: "GOVERNANCE", Days: 1},
		Ownership:    "BucketOwnerPreferred",
		Tags:         map[string]string{"team": "storage"},
		Owner:        map[string]string{"wukong.m.novasphere.dev/created-by": "uid-1"},
	}
}

// other asks for something else of everything.
func other(name string) bucket.Settings {
	return bucket.Settings{
		Lifecycle:  []bucket.LifecycleRule{},
		Policy:     policyFor(name, "s3:GetObjectVersion"),
		CORS:       []bucket.CORSRule{},
		ObjectLock: &bucket.ObjectLock{},
		Ownership:  "BucketOwnerEnforced",
		Tags:       map[string]string{},
		Owner:      map[string]string{"wukong.m.novasphere.dev/adopted-by": "uid-2"},
	}
}

func all(found map[string]bucket.Verdict) map[string]bool {
	names := map[string]bool{}
	for n, v := range found {
		names[n] = v == bucket.Differs
	}
	return names
}

// expected is that a server has all features that are wanted, but those that it
// cannot do. That it has no rules it can say without being able to have any.
func expected(s server, want bucket.Settings, found map[string]bucket.Verdict) map[string]bucket.Verdict {
	out := map[string]bucket.Verdict{}
	for n := range found {
		out[n] = bucket.Same
		none := n == bucket.FeatureCORS && len(want.CORS) == 0 && s.keepsUploads
		if slices.Contains(s.cannot, n) && !none {
			out[n] = bucket.Unsupported
		}
	}
	return out
}

// reach makes a bucket as it is wanted, and says what a look finds then. What the
// store does not do is known by what Look and Apply say together.
func reach(t *testing.T, b *bucket.Bucket, want bucket.Settings) map[string]bucket.Verdict {
	t.Helper()
	s, err := b.Look(t.Context(), want)
	must(t, err)
	done, err := b.Apply(t.Context(), want, all(s.Features))
	must(t, err)
	s, err = b.Look(t.Context(), want)
	must(t, err)
	for name, o := range done {
		if o.Refused != "" {
			t.Errorf("%s is refused: %s", name, o.Refused)
		}
		if o.Verdict == bucket.Unsupported {
			s.Features[name] = o.Verdict
		}
	}
	return s.Features
}

func TestFeatures(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			b := open(t, srv.options("features"))
			s, err := b.Look(t.Context(), everything("features"))
			if err != nil || s.Exists {
				t.Fatalf("a bucket that is not there: %+v, %v", s, err)
			}
			must(t, b.Create(t.Context(), everything("features")))
			wants(t, "to create it again", b.Create(t.Context(), bucket.Settings{}), bucket.Conflict)
			for _, want := range []bucket.Settings{everything("features"), other("features"), everything("features")} {
				if srv.keepsUploads {
					want.Lifecycle = want.Lifecycle[min(1, len(want.Lifecycle)):]
				}
				found := reach(t, b, want)
				if diff := cmp.Diff(expected(srv, want, found), found); diff != "" {
					t.Errorf("-want, +got:\n%s", diff)
				}
			}
			s, err = b.Look(t.Context(), everything("features"))
			must(t, err)
			if diff := cmp.Diff(map[string]string{"team": "storage", "wukong.m.novasphere.dev/created-by": "uid-1"}, s.Tags); diff != "" {
				t.Errorf("tags: -want, +got:\n%s", diff)
			}
			must(t, b.Delete(t.Context()))
			must(t, b.Delete(t.Context()))
		})
	}
}

// TestUploadsAreKept shows what a store says to a rule for unfinished uploads that
// has none: it refuses the rule as it is written, and the message has its words.
func TestUploadsAreKept(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			b := open(t, srv.options("uploads"))
			must(t, b.Create(t.Context(), bucket.Settings{}))
			want := bucket.Settings{Lifecycle: []bucket.LifecycleRule{{Name: "uploads", AbortUploads: 7}}}
			done, err := b.Apply(t.Context(), want, map[string]bool{bucket.FeatureLifecycle: true})
			must(t, err)
			switch o := done[bucket.FeatureLifecycle]; {
			case srv.keepsUploads && (o.Verdict != bucket.Differs || !strings.Contains(o.Refused, "400 InvalidArgument")):
				t.Errorf("want it refused by 400 InvalidArgument, got %+v", o)
			case !srv.keepsUploads && o.Verdict != bucket.Unsupported:
				t.Errorf("want it unsupported, got %+v", o)
			}
		})
	}
}

// TestSpelling compares what a store gives back with the same in other words.
func TestSpelling(t *testing.T) {
	srv := versitygw(t)
	b := open(t, srv.options("spelling"))
	must(t, b.Create(t.Context(), bucket.Settings{}))
	want := everything("spelling")
	want.ObjectLock, want.Lifecycle = nil, nil
	reach(t, b, want)
	want.Policy = strings.NewReplacer(" ", "\n", `["s3:GetObject"]`, `"S3:getobject"`, `"Principal": "*"`, `"Principal": {"AWS": "*"}`).Replace(want.Policy)
	slices.Reverse(want.CORS[0].Origins)
	s, err := b.Look(t.Context(), want)
	must(t, err)
	for name, v := range s.Features {
		if v == bucket.Differs {
			t.Errorf("%s differs by its spelling", name)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			with := func(change func(*bucket.Options)) *bucket.Bucket {
				o := srv.options("refusals")
				o.Files = maps.Clone(o.Files)
				change(&o)
				return open(t, o)
			}
			b := with(func(*bucket.Options) {})
			must(t, b.Create(t.Context(), bucket.Settings{}))
			look := func(b *bucket.Bucket) error {
				_, err := b.Look(t.Context(), bucket.Settings{})
				return err
			}
			wants(t, "an unknown key", look(with(func(o *bucket.Options) { o.Files["accessKeyId"] = []byte("AKIANOBODY") })), bucket.CredentialsRefused)
			p := wants(t, "a wrong secret", look(with(func(o *bucket.Options) { o.Files["secretAccessKey"] = []byte("not-the-secret") })), bucket.CredentialsRefused)
			if strings.Contains(p.Message, "not-the-secret") {
				t.Errorf("the message holds the secret: %s", p.Message)
			}
			wants(t, "a policy against the address", look(with(func(o *bucket.Options) { o.Policy = transfer.Policy{} })), bucket.PolicyDenied)
			wants(t, "a policy against plain http", look(with(func(o *bucket.Options) { o.Policy.RefusePlainHTTP = true })), bucket.PolicyDenied)

			done, err := b.Apply(t.Context(), bucket.Settings{Policy: `{"Version": "2012-10-17", "Statement": "none"}`}, map[string]bool{bucket.FeaturePolicy: true})
			must(t, err)
			if done[bucket.FeaturePolicy].Refused == "" {
				t.Errorf("a policy that is none is taken: %+v", done)
			}
			err = look(with(func(o *bucket.Options) { o.Endpoint = "http://127.0.0.1:1" }))
			var problem *bucket.Problem
			if err == nil || errors.As(err, &problem) {
				t.Errorf("a store that does not answer is no reason to give up: %v", err)
			}
			if again := look(with(func(o *bucket.Options) { o.Endpoint = "http://127.0.0.1:1" })); again == nil || again.Error() != err.Error() {
				t.Errorf("the message is another one the second time: %v, %v", err, again)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	p := transfer.Policy{AllowedNetworks: []string{"127.0.0.0/8"}}
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			must(t, bucket.Answers(t.Context(), start(t).url, nil, p))
		})
	}
	if bucket.Answers(t.Context(), "http://127.0.0.1:1", nil, p) == nil {
		t.Error("nothing answers, and that is well")
	}
}
