// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// s3Flags say how an S3 store is spoken to. Credentials come from where every
// AWS tool finds them: the environment, and the files in ~/.aws.
type s3Flags struct {
	endpoint string
	region   string
}

func (f *s3Flags) register(c *kingpin.CmdClause) {
	c.Flag("endpoint-url", "URL of the S3 store. Default: AWS_ENDPOINT_URL, or AWS's own.").PlaceHolder("URL").StringVar(&f.endpoint)
	c.Flag("region", "Region of the bucket. Default: AWS_REGION, the profile's, or us-east-1.").PlaceHolder("REGION").StringVar(&f.region)
}

// used reports whether any of the flags was given.
func (f *s3Flags) used() bool { return *f != s3Flags{} }

// isS3 reports whether a URL's scheme says that it is in an S3 store.
func isS3(scheme string) bool { return strings.EqualFold(scheme, "s3") }

var errS3URL = errors.New("an S3 object wants the form s3://bucket/key")

// object returns the object of an s3:// URL. What follows the bucket is the key
// as it stands: it may hold any character.
func (f *s3Flags) object(url, caFile string) (*transfer.S3Object, error) {
	_, name, _ := strings.Cut(url, "://")
	bucket, key, _ := strings.Cut(name, "/")
	if bucket == "" || key == "" {
		return nil, errS3URL
	}
	return &transfer.S3Object{Endpoint: f.endpoint, Region: f.region, Bucket: bucket, Key: key, CAFile: caFile}, nil
}
