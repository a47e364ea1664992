// SPDX-License-Identifier: Apache-2.0

// Package versity runs a real S3 server for tests: versitygw, as it is pinned
// for the cluster, with a folder behind it, on loopback.
package versity

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

// The credentials and the bucket of every server.
const (
	AccessKeyID     = "AKIAVERSITYTEST"
	SecretAccessKey = "versity-test-secret"
	Bucket          = "bucket"
)

// Program returns the server's path. It is built when it never was, which
// takes a minute.
func Program(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "run", "github.com/novasphere/provider-wukong/cluster", "path", "versitygw")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // As everything else is compiled: see the Makefile.
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// A Server is a running server.
type Server struct {
	URL string

	// Folder has a folder for each bucket.
	Folder string
}

// Start starts a server with one bucket, and ends it with the test.
func Start(t *testing.T, program string) *Server {
	t.Helper()
	return StartIn(t, program, t.TempDir())
}

// StartIn is Start with a folder of the caller's for the bucket.
func StartIn(t *testing.T, program, folder string) *Server {
	t.Helper()
	return StartAt(t, program, folder, loopback.FreeAddress(t))
}

// StartAt is StartIn at an address of the caller's.
func StartAt(t *testing.T, program, folder, address string) *Server {
	t.Helper()
	s := &Server{Folder: folder}
	if err := os.Mkdir(filepath.Join(s.Folder, Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	s.URL = "http://" + address
	cmd := exec.CommandContext(t.Context(), program, "--port", address, "--quiet", "posix", "--versioning-dir", t.TempDir(), s.Folder)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKeyID, "ROOT_SECRET_KEY="+SecretAccessKey)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start S3 server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s.wait(t, &log)
	return s
}

// wait returns when the server answers.
func (s *Server) wait(t *testing.T, log io.Reader) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	said, _ := io.ReadAll(log)
	t.Fatalf("the S3 server does not answer: %s", said)
}

// Credentials writes a folder with the server's credentials.
func Credentials(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{"accessKeyId": AccessKeyID, "secretAccessKey": SecretAccessKey} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Object returns what stands under a key, and whether anything does.
func (s *Server) Object(t *testing.T, key string) ([]byte, bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Folder, Bucket, key))
	if os.IsNotExist(err) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

// Unfinished are the files of parts of which no object was made, those too whose
// upload is no longer listed.
func (s *Server) Unfinished(t *testing.T) []string {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(s.Folder, Bucket, ".sgwtmp", "multipart", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return parts
}
