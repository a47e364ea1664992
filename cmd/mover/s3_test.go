// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestS3Object(t *testing.T) {
	flags := s3Flags{endpoint: "https://store.example.com", region: "eu-west-1"}
	cases := map[string]struct {
		reason string
		url    string
		want   *transfer.S3Object // nil: an error
	}{
		"Plain":    {"a bucket and a key", "s3://bucket/disk.qcow2", &transfer.S3Object{Bucket: "bucket", Key: "disk.qcow2"}},
		"Folders":  {"a key with slashes", "S3://bucket/a/b/disk.qcow2", &transfer.S3Object{Bucket: "bucket", Key: "a/b/disk.qcow2"}},
		"Odd":      {"a key may hold any character", "s3://bucket/a b?c=%20#d", &transfer.S3Object{Bucket: "bucket", Key: "a b?c=%20#d"}},
		"NoKey":    {"no key", "s3://bucket", nil},
		"EmptyKey": {"an empty key", "s3://bucket/", nil},
		"NoBucket": {"no bucket", "s3:///disk.qcow2", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := flags.object(tc.url, "ca.pem")
			if tc.want != nil {
				tc.want.Endpoint, tc.want.Region, tc.want.CAFile = flags.endpoint, flags.region, "ca.pem"
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != (tc.want == nil) {
				t.Errorf("%s: %v, -want, +got:\n%s", tc.reason, err, diff)
			}
		})
	}
}
