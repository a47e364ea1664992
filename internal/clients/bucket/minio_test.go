// SPDX-License-Identifier: Apache-2.0

//go:build integration

package bucket_test

import (
	"context"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/s3test/minio"
)

// minioProgram is another real S3 server, which is built when it never was.
var minioProgram = sync.OnceValues(func() (string, error) { return minio.Program(context.Background()) })

// others are the servers that take long to build.
func others() map[string]func(*testing.T) server {
	return map[string]func(*testing.T) server{"minio": minioServer}
}

func minioServer(t *testing.T) server {
	t.Helper()
	program, err := minioProgram()
	must(t, err)
	return server{
		url: minio.Start(t, program, region), id: minio.AccessKeyID, secret: minio.SecretAccessKey,
		cannot:       []string{bucket.FeatureCORS, bucket.FeatureOwnership, bucket.FeaturePublicAccess},
		keepsUploads: true,
	}
}
