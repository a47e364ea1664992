// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"crypto/rand"

	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Resume is what the attempts of one mover tell each other by, in its Secret:
// what one told last, which another finds when its pod is started. It is sealed
// by the key, which nobody else has: what is told goes by the mover's log. The
// zero value is none.
type Resume struct {
	Key, State []byte
}

// NewResume is for a mover of which no attempt has run.
func NewResume() Resume { return Resume{Key: []byte(rand.Text())} }

// ReadResume returns what is in a mover's Secret, which may be nil.
func ReadResume(s *corev1.Secret) Resume {
	if s == nil {
		return Resume{}
	}
	return Resume{Key: s.Data[transfer.FileResumeKey], State: s.Data[transfer.FileResumeState]}
}

// None reports whether attempts tell each other nothing.
func (r Resume) None() bool { return len(r.Key) == 0 }

// Files are the keys of the Secret.
func (r Resume) Files() map[string][]byte {
	if r.None() {
		return nil
	}
	return map[string][]byte{transfer.FileResumeKey: r.Key, transfer.FileResumeState: r.State}
}
