// SPDX-License-Identifier: Apache-2.0

// Package minio runs another real S3 server for tests than versitygw, which does
// more than that and does it otherwise: MinIO, pinned in test/stores, with a
// folder behind it, on loopback.
package minio

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/s3test/loopback"
)

// The credentials of every server.
const (
	AccessKeyID     = "AKIAMINIOTEST"
	SecretAccessKey = "minio-test-secret"
)

// Program returns the server's path. It is built when it never was, which takes
// minutes.
func Program(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", "minio")
	cmd.Dir = filepath.Join(filepath.Dir(strings.TrimSpace(string(root))), "test", "stores")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err = cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// Start starts a server without buckets, in a region, and ends it with the test.
// It returns the server's URL.
func Start(t *testing.T, program, region string) string {
	t.Helper()
	address, console := loopback.FreeAddress(t), loopback.FreeAddress(t)
	cmd := exec.CommandContext(t.Context(), program, "server", "--quiet", "--address", address, "--console-address", console, t.TempDir())
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+AccessKeyID, "MINIO_ROOT_PASSWORD="+SecretAccessKey,
		"MINIO_REGION="+region, "MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1",
		// A key of the server's own, without which it encrypts nothing.
		"MINIO_KMS_SECRET_KEY=tests:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start S3 server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	wait(t, "http://"+address+"/minio/health/cluster", &log)
	return "http://" + address
}

// wait returns when the server can write.
func wait(t *testing.T, url string, log io.Reader) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	said, _ := io.ReadAll(log)
	t.Fatalf("the S3 server does not answer: %s", said)
}
