// SPDX-License-Identifier: Apache-2.0

package bucket_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// direct is a client that goes to a server itself.
func direct(t *testing.T, srv server) *s3conn.Conn {
	t.Helper()
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: srv.url, Region: region, Load: func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: srv.id, SecretAccessKey: srv.secret}, nil
	}})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// fill puts two versions, a delete marker and an unfinished upload into a bucket.
func fill(t *testing.T, c *s3conn.Conn, name string) {
	t.Helper()
	for i := range 4 {
		put(t, c, name, fmt.Sprintf("vms/%d", i%2))
	}
	_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: aws.String("vms/0")})
	must(t, err)
	_, err = c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &name, Key: aws.String("vms/2")})
	must(t, err)
}

func put(t *testing.T, c *s3conn.Conn, name, key string) {
	t.Helper()
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &name, Key: &key, Body: strings.NewReader(key)})
	must(t, err)
}

func TestEmpty(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			b, c := open(t, srv.options("full")), direct(t, srv)
			want := bucket.Settings{Versioning: "Enabled"}
			must(t, b.Create(t.Context(), want))
			_, err := b.Apply(t.Context(), want, map[string]bool{bucket.FeatureVersioning: true})
			must(t, err)
			fill(t, c, "full")
			wants(t, "to delete it", b.Delete(t.Context()), bucket.NotEmpty)

			sum, passes := bucket.Removed{}, 0
			for ; !sum.Done && passes < 10; passes++ {
				r, err := b.Empty(t.Context(), 2)
				must(t, err)
				if r.Objects+r.Uploads > 2 {
					t.Errorf("one pass removes %+v, the limit is 2", r)
				}
				sum.Objects, sum.Uploads, sum.Done = sum.Objects+r.Objects, sum.Uploads+r.Uploads, r.Done
			}
			// 4 versions and 1 marker; MinIO lists no uploads unless they are
			// asked for by their key.
			if sum.Objects != 5 || !sum.Done || name == "versitygw" && sum.Uploads != 1 {
				t.Errorf("%+v in %d passes", sum, passes)
			}
			must(t, b.Delete(t.Context()))
		})
	}
}

// TestEmptyOneByOne empties a bucket in a store that knows neither versions nor
// requests for many objects.
func TestEmptyOneByOne(t *testing.T) {
	srv := versitygw(t)
	proxy := versity.NewProxy(t, &versity.Server{URL: srv.url})
	proxy.Set(func(w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		no := q.Has("versions") || q.Has("delete") || q.Has("uploads")
		if no {
			versity.Answer(http.StatusNotImplemented, "NotImplemented", "no")(w, r)
		}
		return no
	})
	c := direct(t, srv)
	srv.url = proxy.URL
	b := open(t, srv.options("plain"))
	must(t, b.Create(t.Context(), bucket.Settings{}))
	for i := range 3 {
		put(t, c, "plain", fmt.Sprint(i))
	}
	r, err := b.Empty(t.Context(), 100)
	must(t, err)
	if r.Objects != 3 || !r.Done {
		t.Errorf("got %+v", r)
	}
	must(t, b.Delete(t.Context()))
}

// A locking keeps an object from being deleted.
type locking struct {
	lock func(t *testing.T, c *s3conn.Conn, name, key string)

	// says what keeps it, free releases it; nil: nobody can.
	says string
	free func(t *testing.T, c *s3conn.Conn, name, key string)
}

func lockings() map[string]locking {
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	retained := func(mode types.ObjectLockRetentionMode) func(*testing.T, *s3conn.Conn, string, string) {
		return func(t *testing.T, c *s3conn.Conn, name, key string) {
			_, err := c.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{Bucket: &name, Key: &key, Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: &until}})
			must(t, err)
		}
	}
	hold := func(s types.ObjectLockLegalHoldStatus) func(*testing.T, *s3conn.Conn, string, string) {
		return func(t *testing.T, c *s3conn.Conn, name, key string) {
			_, err := c.PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{Bucket: &name, Key: &key, LegalHold: &types.ObjectLockLegalHold{Status: s}})
			must(t, err)
		}
	}
	return map[string]locking{
		"Compliance": {lock: retained(types.ObjectLockRetentionModeCompliance), says: until.Format(time.RFC3339)},
		// Whoever may can bypass it; emptying does not.
		"Governance": {lock: retained(types.ObjectLockRetentionModeGovernance), says: until.Format(time.RFC3339), free: func(t *testing.T, c *s3conn.Conn, name, key string) {
			v, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &name, Key: &key})
			must(t, err)
			_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: &key, VersionId: v.VersionId, BypassGovernanceRetention: aws.Bool(true)})
			must(t, err)
		}},
		"LegalHold": {lock: hold(types.ObjectLockLegalHoldStatusOn), says: "by a legal hold", free: hold(types.ObjectLockLegalHoldStatusOff)},
	}
}

// TestEmptyLocked shows that what is locked is a reason to give up, which says
// what keeps it and until when; and that the bucket can be emptied without it.
func TestEmptyLocked(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t)
			for kind, l := range lockings() {
				t.Run(kind, func(t *testing.T) {
					name := strings.ToLower(kind)
					b, c := open(t, srv.options(name)), direct(t, srv)
					must(t, b.Create(t.Context(), bucket.Settings{ObjectLock: &bucket.ObjectLock{}}))
					put(t, c, name, "free")
					put(t, c, name, "held")
					l.lock(t, c, name, "held")
					_, err := b.Empty(t.Context(), 100)
					p := wants(t, "to empty it", err, bucket.Locked)
					if !strings.Contains(p.Message, `"held"`) || !strings.Contains(p.Message, l.says) {
						t.Errorf("the message does not say what is locked, by what: %s", p.Message)
					}
					_, again := b.Empty(t.Context(), 100)
					if p := wants(t, "to empty it again", again, bucket.Locked); p.Error() != err.Error() {
						t.Errorf("the message is another one the second time: %s, %s", err, p)
					}
					if l.free == nil {
						return
					}
					l.free(t, c, name, "held")
					r, err := b.Empty(t.Context(), 100)
					must(t, err)
					if !r.Done {
						t.Errorf("without the lock it is not emptied: %+v", r)
					}
					must(t, b.Delete(t.Context()))
				})
			}
		})
	}
}

// TestEmptyLockedByDefault shows what keeps objects in a store that does not write
// the bucket's default retention to them.
func TestEmptyLockedByDefault(t *testing.T) {
	srv := versitygw(t)
	b, c := open(t, srv.options("default")), direct(t, srv)
	retain := func(l bucket.ObjectLock) {
		_, err := b.Apply(t.Context(), bucket.Settings{ObjectLock: &l}, map[string]bool{bucket.FeatureObjectLock: true})
		must(t, err)
	}
	must(t, b.Create(t.Context(), bucket.Settings{ObjectLock: &bucket.ObjectLock{}}))
	put(t, c, "default", "held")
	retain(bucket.ObjectLock{Mode: "COMPLIANCE", Days: 2})
	_, err := b.Empty(t.Context(), 100)
	if p := wants(t, "to empty it", err, bucket.Locked); !strings.Contains(p.Message, "default retention (COMPLIANCE, 2 days)") {
		t.Errorf("the message does not say by what it is locked: %s", p.Message)
	}
	retain(bucket.ObjectLock{})
	r, err := b.Empty(t.Context(), 100)
	must(t, err)
	if !r.Done {
		t.Errorf("without the lock it is not emptied: %+v", r)
	}
}
