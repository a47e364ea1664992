// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/guard"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func askS3(ctx context.Context, q Question, g *guard.Guard) (Verdict, error) {
	if len(q.Files[fileAccessKeyID]) == 0 {
		// The provider's own identity is not the user's.
		return Unknown, nil
	}
	o := q.Artifact.S3
	t, err := g.Transport(q.Files[fileCA])
	if err != nil {
		return Unknown, err
	}
	c, err := s3conn.New(ctx, s3conn.Options{
		Endpoint: o.Endpoint, Region: o.Region, Transport: t, Control: g.Control,
		Load: func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID:     string(q.Files[fileAccessKeyID]),
				SecretAccessKey: string(q.Files[fileSecretAccessKey]),
				SessionToken:    string(q.Files[fileSessionToken]),
			}, nil
		},
	})
	if err != nil {
		return Unknown, wrap(err)
	}
	defer c.Close()
	return compareS3(ctx, q, c)
}

// compareS3 asks for the object. Where the artifact's digest is the checksum
// that the store keeps, the store's is compared, which a copy in its place has
// as well; elsewhere the entity tag.
func compareS3(ctx context.Context, q Question, c *s3conn.Conn) (Verdict, error) {
	o := q.Artifact.S3
	in := &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key}
	algorithm, sum, _ := transfer.ParseChecksum(q.Made.Digest)
	if algorithm == transfer.ChecksumCRC64NVME {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	out, err := c.HeadObject(ctx, in)
	var re *awshttp.ResponseError
	switch {
	case errors.As(err, &re) && re.HTTPStatusCode() == http.StatusNotFound:
		return missingS3(ctx, o, c)
	case err != nil:
		return Unknown, wrap(errors.New(c.Scrub(err.Error())))
	case out.ContentLength != nil && q.Made.Size > 0 && *out.ContentLength != q.Made.Size:
		return Changed, nil
	case algorithm == transfer.ChecksumCRC64NVME && aws.ToString(out.ChecksumCRC64NVME) != "":
		return same(*out.ChecksumCRC64NVME, base64.StdEncoding.EncodeToString(sum)), nil
	}
	return same(aws.ToString(out.ETag), q.Made.Validator), nil
}

// missingS3 asks what is missing, which the answer to a HEAD has no words for:
// to some stores a key that they do not know is not there either.
func missingS3(ctx context.Context, o *transfer.S3Object, c *s3conn.Conn) (Verdict, error) {
	out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &o.Bucket, Key: &o.Key, Range: aws.String("bytes=0-0")})
	if err == nil {
		return Unknown, wrap(out.Body.Close())
	}
	var re *awshttp.ResponseError
	var e smithy.APIError
	if errors.As(err, &re) && re.HTTPStatusCode() == http.StatusNotFound && errors.As(err, &e) {
		switch e.ErrorCode() {
		case "NoSuchKey", "NoSuchBucket", "NotFound":
			return Missing, nil
		}
	}
	return Unknown, wrap(errors.New(c.Scrub(err.Error())))
}
