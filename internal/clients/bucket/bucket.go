// SPDX-License-Identifier: Apache-2.0

// Package bucket talks to an S3 store about one bucket: what there is of it, and
// what should be.
//
// Stores differ in what they can. A store that answers that it cannot do
// something is believed (Unsupported); so is one that says yes and then does not
// do it. What is not wanted is not asked for.
//
// The requests are made by the provider, to places that its users name. So they
// obey the policy that a mover obeys.
package bucket

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/guard"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// The names of the files that are read here, which the transfer contract fixes.
const (
	fileCA              = "ca.crt"
	fileAccessKeyID     = "accessKeyId"
	fileSecretAccessKey = "secretAccessKey"
	fileSessionToken    = "sessionToken"
)

// Options say which bucket is meant, and how its store is reached.
type Options struct {
	// Endpoint is the store's URL. Empty: AWS's own in Region.
	Endpoint string
	Region   string
	Name     string

	// Generic stores get no checksum that is newer than Content-MD5.
	Generic bool

	// Files are the credentials and certificates for the store, by the names
	// that the transfer contract gives them.
	Files map[string][]byte

	Policy transfer.Policy
}

// A Bucket is a bucket that there may be.
type Bucket struct {
	name, region string
	generic      bool

	conn *s3conn.Conn
	api  *s3.Client
}

// Open returns the bucket that is meant. No request has been made.
func Open(ctx context.Context, o Options) (*Bucket, error) {
	g, err := guard.New(o.Policy)
	if err != nil {
		return nil, err
	}
	t, err := g.Transport(o.Files[fileCA])
	if err != nil {
		return nil, err
	}
	c, err := s3conn.New(ctx, s3conn.Options{
		Endpoint: o.Endpoint, Region: o.Region, Transport: t.KeepAlive(), Control: g.Control,
		Load: func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID:     string(o.Files[fileAccessKeyID]),
				SecretAccessKey: string(o.Files[fileSecretAccessKey]),
				SessionToken:    string(o.Files[fileSessionToken]),
			}, nil
		},
	})
	if err != nil {
		return nil, errors.Wrap(err, "cannot make client of S3 store")
	}
	b := &Bucket{name: o.Name, region: c.Options().Region, generic: o.Generic, conn: c, api: c.Client}
	if o.Generic {
		b.api = s3.New(c.Options(), func(so *s3.Options) { so.APIOptions = append(so.APIOptions, plainChecksum) })
	}
	return b, nil
}

// Close closes the connections to the store.
func (b *Bucket) Close() { b.conn.Close() }

// plainChecksum gives a request the checksum that every store knows in place of
// the SDK's, which older stores refuse, and which it sends where S3 wants any.
func plainChecksum(s *middleware.Stack) error {
	// Both are there only for requests that have a checksum.
	_, _ = s.Initialize.Remove("AWSChecksum:SetupInputContext")
	if _, err := s.Finalize.Remove("AWSChecksum:ComputeInputPayloadChecksum"); err != nil {
		return nil //nolint:nilerr // There is no checksum to replace.
	}
	return smithyhttp.AddContentChecksumMiddleware(s)
}

// Answers says whether anything answers at an endpoint, in the words of HTTP. It
// sends no credentials.
func Answers(ctx context.Context, endpoint string, ca []byte, p transfer.Policy) error {
	g, err := guard.New(p)
	if err != nil {
		return err
	}
	t, err := g.Transport(ca)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return errors.Wrap(err, "cannot ask S3 store")
	}
	res, err := t.RoundTrip(r)
	if err != nil {
		return errors.New(cause(err))
	}
	_ = res.Body.Close()
	if res.StatusCode >= http.StatusInternalServerError && res.StatusCode != http.StatusNotImplemented {
		return errors.New("it answers " + res.Status)
	}
	return nil
}

// A State is what was found of a bucket.
type State struct {
	Exists bool

	// Tags of the bucket; nil if they were not asked for, or TagsUnsupported.
	Tags            map[string]string
	TagsUnsupported bool

	// Features that are wanted, and how they are.
	Features map[string]Verdict
}

// A Verdict is what was found of a feature.
type Verdict string

// The verdicts.
const (
	Same        Verdict = "Same"
	Differs     Verdict = "Differs"
	Unsupported Verdict = "Unsupported"
)

// Look asks for the bucket, and for those of its features that are wanted. A
// *Problem says that somebody has to change something.
func (b *Bucket) Look(ctx context.Context, want Settings) (State, error) {
	s := State{}
	var err error
	if s.Exists, err = b.exists(ctx); err != nil || !s.Exists {
		return s, err
	}
	if want.Owner != nil || want.Tags != nil {
		s.Tags, err = b.tags(ctx)
		s.TagsUnsupported = unsupported(err)
		if err != nil && !s.TagsUnsupported {
			return s, b.failed("get the tags of", err)
		}
	}
	s.Features = map[string]Verdict{}
	for _, f := range b.features(want) {
		same, err := f.same(ctx)
		switch {
		case unsupported(err):
			s.Features[f.name] = Unsupported
		case err != nil:
			return s, b.failed("get "+f.name+" of", err)
		case same:
			s.Features[f.name] = Same
		default:
			s.Features[f.name] = Differs
		}
	}
	return s, nil
}

// exists asks whether there is a bucket. What a refusal means no answer to HEAD
// says: then a question is asked whose answer has words.
func (b *Bucket) exists(ctx context.Context) (bool, error) {
	out, err := b.api.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name})
	if err == nil {
		if r := aws.ToString(out.BucketRegion); b.conn.AWS() && r != "" && r != b.region {
			return false, b.elsewhere(r)
		}
		return true, nil
	}
	switch a := answerOf(err); a.status {
	case http.StatusNotFound:
		return false, b.missing(ctx)
	case http.StatusBadRequest, http.StatusForbidden, http.StatusUnauthorized:
		if a.region != "" && a.region != b.region {
			return false, b.elsewhere(a.region)
		}
		if _, err := b.api.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &b.name}); answerOf(err).status != 0 {
			return false, b.failed("find", err)
		}
	}
	return false, b.failed("find", err)
}

// missing makes sure that a bucket is not there which HEAD says is not: to some
// stores it is the owner of the credentials that is not.
func (b *Bucket) missing(ctx context.Context) error {
	if !b.generic {
		return nil
	}
	_, err := b.api.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &b.name})
	a := answerOf(err)
	switch {
	case err == nil:
		return errors.Errorf("cannot find bucket %q: the store says first that it is not there, and then that it is", b.name)
	case a.code == "NoSuchBucket", a.status == http.StatusNotFound && a.wordless(), unsupported(err):
		return nil
	}
	return b.failed("find", err)
}

// Create makes the bucket, and marks it with the tags that say whose it is.
func (b *Bucket) Create(ctx context.Context, want Settings) error {
	in := &s3.CreateBucketInput{Bucket: &b.name}
	if want.ObjectLock != nil {
		in.ObjectLockEnabledForBucket = aws.Bool(true)
	}
	// The first region is what a bucket is in that names none, and AWS refuses
	// to be told so.
	if b.region != s3conn.DefaultRegion {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(b.region)}
	}
	_, err := b.api.CreateBucket(ctx, in)
	if b.generic && in.CreateBucketConfiguration != nil && answerOf(err).placeless() {
		// To it a region is no more than what requests are signed for.
		in.CreateBucketConfiguration = nil
		_, err = b.api.CreateBucket(ctx, in)
	}
	if err != nil {
		return b.failed("create", err)
	}
	return b.mark(ctx, want.Owner)
}

// mark adds tags to the bucket, where the store has tags.
func (b *Bucket) mark(ctx context.Context, owner map[string]string) error {
	if len(owner) == 0 {
		return nil
	}
	err := b.setTags(ctx, Settings{Owner: owner})
	if err == nil || unsupported(err) {
		return nil
	}
	return b.failed("tag", err)
}

// Delete deletes the bucket if it is empty. One that is not is a Problem.
func (b *Bucket) Delete(ctx context.Context) error {
	_, err := b.api.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &b.name})
	if err == nil || answerOf(err).code == "NoSuchBucket" {
		return nil
	}
	return b.failed("delete", err)
}

// settle is how long Apply waits before it asks a store whether it has done what
// it was told.
const settle = 100 * time.Millisecond

// An Outcome is what became of a feature that was to be changed.
type Outcome struct {
	Verdict Verdict

	// Refused says why the store does not take what is wanted, which only
	// another setting changes.
	Refused string
}

// Apply makes features as they are wanted, by their names, and says what became
// of each. After an error some may have been made.
func (b *Bucket) Apply(ctx context.Context, want Settings, names map[string]bool) (map[string]Outcome, error) {
	done := map[string]Outcome{}
	for _, f := range b.features(want) {
		if !names[f.name] {
			continue
		}
		o, err := b.apply(ctx, f)
		if err != nil {
			return done, err
		}
		done[f.name] = o
	}
	return done, nil
}

func (b *Bucket) apply(ctx context.Context, f feature) (Outcome, error) {
	if err := f.set(ctx); err != nil {
		if unsupported(err) {
			return Outcome{Verdict: Unsupported}, nil
		}
		err = b.failed("set "+f.name+" of", err)
		var p *Problem
		if errors.As(err, &p) && p.Reason == SettingRefused {
			return Outcome{Verdict: Differs, Refused: p.Message}, nil
		}
		return Outcome{}, err
	}
	if !b.generic {
		// AWS does what it says, after a while.
		return Outcome{Verdict: Same}, nil
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
	same, err := f.same(ctx)
	switch {
	case unsupported(err), err == nil && !same:
		return Outcome{Verdict: Unsupported}, nil
	case err != nil:
		return Outcome{}, b.failed("get "+f.name+" of", err)
	}
	return Outcome{Verdict: Same}, nil
}
