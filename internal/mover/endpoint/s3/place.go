// SPDX-License-Identifier: Apache-2.0

package s3

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

// An object is a place in the role of a source or of a target.
type object struct {
	Place

	role role
}

// call makes a request. One that is refused is made once more when the
// credentials have been renewed meanwhile. The error is classified.
func call[T any](ctx context.Context, o object, request func(context.Context) (*T, error)) (*T, error) {
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

// facts are what a store tells of an object. The zero value is that of none.
type facts struct {
	exists      bool
	size        int64
	tag         string // the ETag, in its quotes
	version     string // "" in a bucket without versions
	contentType string
	crc         string // CRC64NVME of the whole, in base64; "" when not told
	encrypted   bool   // with a key of the user's: its tag is made of no MD5
}

// same reports whether both are of one version of an object, or of none.
func (f facts) same(o facts) bool { return f.exists == o.exists && f.tag == o.tag }

// head asks for an object; a key with nothing under it is no error.
func (o object) head(ctx context.Context, version string) (facts, error) {
	out, err := call(ctx, o, func(ctx context.Context) (*api.HeadObjectOutput, error) {
		return o.Conn.HeadObject(ctx, &api.HeadObjectInput{
			Bucket: &o.Bucket, Key: &o.Key, VersionId: some(version), ChecksumMode: types.ChecksumModeEnabled,
		})
	})
	if err != nil {
		return facts{}, err
	}
	f := facts{
		exists:      true,
		size:        aws.ToInt64(out.ContentLength),
		tag:         aws.ToString(out.ETag),
		version:     aws.ToString(out.VersionId),
		contentType: aws.ToString(out.ContentType),
		encrypted:   strings.HasPrefix(string(out.ServerSideEncryption), "aws:kms") || out.SSECustomerAlgorithm != nil,
	}
	if f.version == "null" {
		// The one version of an object from before its bucket kept any.
		f.version = ""
	}
	if sum := aws.ToString(out.ChecksumCRC64NVME); !strings.Contains(sum, "-") {
		f.crc = sum
	}
	return f, nil
}

// find is head, but for its errors: no object is none, and a refusal is in the
// store's own words, which the answer to a HEAD has no room for.
func (o object) find(ctx context.Context, version string) (facts, error) {
	f, err := o.head(ctx, version)
	var r *refusal
	switch {
	case err == nil, !errors.As(err, &r):
		return f, err
	case r.status == http.StatusNotFound && o.role == target():
		return facts{}, nil
	case r.status >= http.StatusInternalServerError:
		return f, err
	}
	out, e := call(ctx, o, func(ctx context.Context) (*api.GetObjectOutput, error) {
		return o.Conn.GetObject(ctx, &api.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: some(version), Range: aws.String("bytes=0-0")})
	})
	if e == nil {
		return f, errors.Join(err, out.Body.Close())
	}
	return f, e
}

// some is a pointer to a string that is not empty.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// cannot says what an error kept from happening.
func (o object) cannot(verb string, err error) error {
	return fmt.Errorf("cannot %s %s: %w", verb, o.Place, err)
}
