// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/novasphere/provider-wukong/internal/s3conn"
)

// A Place is one key in a bucket.
type Place struct {
	Conn        *s3conn.Conn
	Bucket, Key string
}

// String is the place as messages show it.
func (p Place) String() string { return "s3://" + p.Bucket + "/" + p.Key }

// An Object is a place in the role of a source or of a target.
type Object struct {
	Place

	role role
}

// Source is a place that is read.
func Source(p Place) Object { return Object{p, source()} }

// Target is a place that is written.
func Target(p Place) Object { return Object{p, target()} }

// Call makes a request. One that is refused is made once more when the
// credentials have been renewed meanwhile. The error is classified.
func Call[T any](ctx context.Context, o Object, request func(context.Context) (*T, error)) (*T, error) {
	used := o.Conn.Generation()
	out, err := request(ctx)
	if err != nil && ctx.Err() == nil && denied(err) {
		renewed, e := o.Conn.Renew(ctx, used)
		switch {
		case e != nil:
			err = e
		case renewed:
			out, err = request(ctx)
		}
	}
	if err != nil {
		return nil, o.classify(ctx, err)
	}
	return out, nil
}

// Facts are what a store tells of an object. The zero value is that of none.
type Facts struct {
	Exists      bool
	Size        int64
	Tag         string // the ETag, in its quotes
	Version     string // "" in a bucket without versions
	ContentType string
	CRC         string // CRC64NVME of the whole, in base64; "" when not told
	Encrypted   bool   // with a key of the user's: its tag is made of no MD5
}

// Same reports whether both are of one version of an object, or of none.
func (f Facts) Same(o Facts) bool { return f.Exists == o.Exists && f.Tag == o.Tag }

// head asks for an object; a key with nothing under it is no error.
func (o Object) head(ctx context.Context, version string) (Facts, error) {
	out, err := Call(ctx, o, func(ctx context.Context) (*api.HeadObjectOutput, error) {
		return o.Conn.HeadObject(ctx, &api.HeadObjectInput{
			Bucket: &o.Bucket, Key: &o.Key, VersionId: Some(version), ChecksumMode: types.ChecksumModeEnabled,
		})
	})
	if err != nil {
		return Facts{}, err
	}
	f := Facts{
		Exists:      true,
		Size:        aws.ToInt64(out.ContentLength),
		Tag:         aws.ToString(out.ETag),
		Version:     aws.ToString(out.VersionId),
		ContentType: aws.ToString(out.ContentType),
		Encrypted:   strings.HasPrefix(string(out.ServerSideEncryption), "aws:kms") || out.SSECustomerAlgorithm != nil,
	}
	if f.Version == "null" {
		// The one version of an object from before its bucket kept any.
		f.Version = ""
	}
	if sum := aws.ToString(out.ChecksumCRC64NVME); !strings.Contains(sum, "-") {
		f.CRC = sum
	}
	return f, nil
}

// Find is head, but for its errors: no object is none, and a refusal is in the
// store's own words, which the answer to a HEAD has no room for.
func (o Object) Find(ctx context.Context, version string) (Facts, error) {
	f, err := o.head(ctx, version)
	var r *Refusal
	switch {
	case err == nil, !errors.As(err, &r):
		return f, err
	case r.Status == http.StatusNotFound && o.role == target():
		return Facts{}, nil
	case r.Status >= http.StatusInternalServerError:
		return f, err
	}
	out, e := Call(ctx, o, func(ctx context.Context) (*api.GetObjectOutput, error) {
		return o.Conn.GetObject(ctx, &api.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: Some(version), Range: aws.String("bytes=0-0")})
	})
	if e == nil {
		return f, errors.Join(err, out.Body.Close())
	}
	return f, e
}

// Some is a pointer to a string that is not empty.
func Some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Encode is how S3 writes a digest.
func Encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Cannot says what an error kept from happening.
func (o Object) Cannot(verb string, err error) error {
	return fmt.Errorf("cannot %s %s: %w", verb, o.Place, err)
}
