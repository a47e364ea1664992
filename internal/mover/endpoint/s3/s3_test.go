// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// program is a real S3 server.
var program string

func TestMain(m *testing.M) {
	var err error
	if program, err = versity.Program(context.Background()); err != nil {
		log.Printf("cannot build S3 server: %v", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// a world is a server, and a proxy before it through which the endpoint goes.
type world struct {
	*versity.Server

	proxy   *versity.Proxy
	folder  string // of the credentials
	through store.Place
	direct  store.Place
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Server: versity.Start(t, program), folder: versity.Credentials(t)}
	w.proxy = versity.NewProxy(t, w.Server)
	w.through = store.Place{Conn: connect(t, w.proxy.URL, w.folder), Bucket: versity.Bucket, Key: "disks/one.qcow2"}
	w.direct = store.Place{Conn: connect(t, w.URL, versity.Credentials(t)), Bucket: versity.Bucket, Key: w.through.Key}
	return w
}

func connect(t *testing.T, endpoint, folder string) *s3conn.Conn {
	t.Helper()
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: endpoint, Load: s3conn.Folder(folder)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// put puts an object beside the endpoint.
func (w *world) put(t *testing.T, content []byte) {
	t.Helper()
	_, err := w.direct.Conn.PutObject(t.Context(), &api.PutObjectInput{Bucket: &w.direct.Bucket, Key: &w.direct.Key, Body: bytes.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
}

// remove removes the object beside the endpoint.
func (w *world) remove(t *testing.T) {
	t.Helper()
	if _, err := w.direct.Conn.DeleteObject(t.Context(), &api.DeleteObjectInput{Bucket: &w.direct.Bucket, Key: &w.direct.Key}); err != nil {
		t.Fatal(err)
	}
}

// holds checks what stands under the key; nil: nothing.
func (w *world) holds(t *testing.T, want []byte) {
	t.Helper()
	got, ok := w.Object(t, w.direct.Key)
	if ok != (want != nil) || !bytes.Equal(got, want) {
		t.Errorf("under the key there are %d bytes (%t), which are not the %d that are to be there (%t)", len(got), ok, len(want), want != nil)
	}
}

// uploads is how many open uploads the bucket has.
func (w *world) uploads(t *testing.T) int {
	t.Helper()
	out, err := w.direct.Conn.ListMultipartUploads(t.Context(), &api.ListMultipartUploadsInput{Bucket: aws.String(versity.Bucket)})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
}

// token gives the folder a session token.
func (w *world) token(t *testing.T, token string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.folder, "sessionToken"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
}

// noSecret checks that an error shows none of what signs the requests.
func noSecret(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, s := range []string{versity.SecretAccessKey, versity.AccessKeyID, "session-token-secret", "X-Amz-Signature", "Signature="} {
		if strings.Contains(err.Error(), s) {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

// patient tries again without waiting.
func patient() retry.Policy {
	return retry.Policy{Retries: new(8), Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}

func readAll(t *testing.T, r io.ReadCloser) ([]byte, error) {
	t.Helper()
	defer r.Close()
	return io.ReadAll(r)
}
