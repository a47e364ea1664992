// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// TestExportTokenRenewed lets the session token expire in the middle of an
// export. It is renewed in the Secret, and the mover that runs goes on with it.
func TestExportTokenRenewed(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	n.done(t, n.diskImport(t, "disk", i.url(), ofSize(64<<20)))

	gate := &tokens{t: t, valid: "first"}
	through := bucket
	through.Endpoint = proxy(t, bucket.Endpoint, gate.handle)
	through.SecretRef = &diskv1alpha1.SecretReference{Name: "session"}
	n.secret(t, "session", map[string]string{"accessKeyId": "temporary-1", "secretAccessKey": "one", "sessionToken": "first"})

	d := n.diskExport(t, "renewed", "disk", in(through, "disk.raw"), asFormat("Raw", ""), partByPart)
	eventually(t.Context(), t, "a part is stored", func() error {
		if parts, _ := gate.counts(); parts == 0 {
			return errors.New("there is none")
		}
		return nil
	})
	gate.expire("second")
	eventually(t.Context(), t, "the token is refused", func() error {
		if _, refused := gate.counts(); refused == 0 {
			return errors.New("nothing was refused")
		}
		return nil
	})
	session := &corev1.Secret{ObjectMeta: n.meta("session")}
	eventually(t.Context(), t, "the token is renewed", func() error {
		if err := n.Get(t.Context(), client.ObjectKeyFromObject(session), session); err != nil {
			return err
		}
		session.StringData = map[string]string{"accessKeyId": "temporary-2", "secretAccessKey": "two", "sessionToken": "second"}
		return n.Update(t.Context(), session)
	})
	n.exported(t, d)
	if p := d.Status.AtProvider.Progress; p.Attempt != 1 || p.ReusedBytes != 0 {
		t.Errorf("attempt %d did not send %d bytes again, want the first one to send all", p.Attempt, p.ReusedBytes)
	}
	n.done(t, n.diskImport(t, "back", "", fromS3(bucket, "disk.raw"), ofSize(64<<20)))
	n.equals(t, "back", i, 64<<20)
}

// partByPart sends one part after the other, with some seconds between them.
func partByPart(d *diskv1alpha1.DiskExport) {
	limit, one := resource.MustParse("2Mi"), int32(1)
	d.Spec.ForProvider.Transfer.BandwidthLimit, d.Spec.ForProvider.Transfer.Connections = &limit, &one
}

// TestExportUploadCut cuts an upload to a web server in its middle, once: it is
// begun again and is whole, and nothing of the first has the final name.
func TestExportUploadCut(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	if err := os.Chmod(s.folder, 0o777); err != nil {
		t.Fatalf("cannot open folder to the web server: %v", err)
	}
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "disk", i.url()))

	final := filepath.Join(s.folder, "up.raw")
	var uploads atomic.Int32
	at := proxy(t, "http://"+imageServer, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			if _, err := os.Stat(final); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is something under the final name before the upload: %v", err)
			}
			if uploads.Add(1) == 1 {
				r.Body = &cut{ReadCloser: r.Body, left: 8 << 20}
			}
		}
		pass.ServeHTTP(w, r)
	})
	target := diskv1alpha1.ExportTarget{HTTP: &diskv1alpha1.HTTPTarget{HTTPSource: diskv1alpha1.HTTPSource{URL: at + "/put/" + s.name + "/up.raw"}}}
	d := n.diskExport(t, "cut", "disk", target, asFormat("Raw", ""))
	n.exported(t, d)
	if got := uploads.Load(); got != 2 {
		t.Errorf("there were %d uploads, want 2", got)
	}
	if got := d.Status.AtProvider.Progress.Attempt; got != 1 {
		t.Errorf("the mover was started %d times, want once", got)
	}
	got, err := os.Open(final)
	if err != nil {
		t.Fatalf("cannot open what was uploaded: %v", err)
	}
	defer got.Close()
	oracle, err := os.Open(i.raw)
	if err != nil {
		t.Fatalf("cannot open oracle: %v", err)
	}
	defer oracle.Close()
	if err := same(got, io.LimitReader(io.MultiReader(oracle, zeros{}), diskSize)); err != nil {
		t.Errorf("what was uploaded is not the disk: %v", err)
	}
	if err := os.Remove(final); err != nil {
		t.Fatalf("cannot remove what was uploaded: %v", err)
	}
	n.change(t, d, func() { d.Labels = map[string]string{"look": "now"} })
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		if r := d.Status.GetCondition("Ready").Reason; r != diskv1alpha1.ReasonArtifactMissing {
			return fmt.Errorf("it is %s: %s", r, d.Status.AtProvider.Message)
		}
		return nil
	})
}

// cut is a body that breaks off.
type cut struct {
	io.ReadCloser

	left int
}

var errCut = errors.New("the connection was cut on purpose")

func (c *cut) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errCut
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
