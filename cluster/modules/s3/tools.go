// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package s3 pins the S3 server that the cluster runs.
package s3

import _ "github.com/versity/versitygw/cmd/versitygw"
