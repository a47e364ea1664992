// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestSecrecy looks for the credentials of imports, one that succeeds and one
// that fails, in everything but Secrets: specs, statuses, events, logs.
func TestSecrecy(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	token, wrong := uuid.NewString(), uuid.NewString()
	n.secret(t, "right", map[string]string{"username": "wukong", "password": "secret", "headers": "X-Token: " + token})
	n.secret(t, "wrong", map[string]string{"username": "wukong", "password": wrong})

	right := n.diskImport(t, "right", i.under("auth"), withSecret("right"), slowly)
	refused := n.diskImport(t, "refused", i.under("auth"), withSecret("wrong"))
	look := func() {
		n.hides(t, token, wrong, base64.StdEncoding.EncodeToString([]byte("wukong:secret")))
	}
	holds(t.Context(), t, n, refused, failed("Unauthorized", ""))
	holds(t.Context(), t, n, right, inTheMiddle)
	look()
	n.done(t, right)
	look()

	// The mover that failed keeps its copy, for the attempt that somebody may
	// want, as long as there is the import.
	n.remove(t.Context(), t, refused)
	eventually(t.Context(), t, "the copies of the credentials are gone", func() error {
		l := &corev1.SecretList{}
		if err := n.List(t.Context(), l, client.InNamespace(n.name)); err != nil {
			return err
		}
		if left := names(t, l); len(left) > 2 {
			return fmt.Errorf("there are Secrets %v", left)
		}
		return nil
	})
}

// hides looks for secrets in everything of the namespace but Secrets, and in
// the provider's log.
func (n namespace) hides(t *testing.T, secrets ...string) {
	t.Helper()
	for _, texts := range []map[string]string{
		n.objects(t.Context(), t),
		n.logs(t.Context(), t, n.name),
		n.logs(t.Context(), t, crossplaneNamespace),
	} {
		for where, text := range texts {
			for _, s := range secrets {
				for _, spelling := range []string{s, base64.StdEncoding.EncodeToString([]byte(s))} {
					if strings.Contains(text, spelling) {
						t.Errorf("a secret stands in %s", where)
					}
				}
			}
		}
	}
}
