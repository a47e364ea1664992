// SPDX-License-Identifier: Apache-2.0

// Package resume carries what one attempt of a transfer knows to the next one,
// which is another process on another machine.
//
// What is carried can be a secret, such as the URL of an upload that whoever has
// it can write to; and it goes by the mover's output, which is kept in logs. So
// it is sealed (AES-256-GCM) with a key that is in the folder of both attempts
// and nowhere else. The transfer's ID is authenticated with it, so that nothing
// can be carried to another transfer.
package resume

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxFileBytes bounds one file of the folder.
const maxFileBytes = 64 << 10

// A Memo is what is carried. A nil Memo carries nothing. It may be used by many
// goroutines at once.
type Memo struct {
	seal   cipher.AEAD
	id     []byte
	before []byte
	news   chan struct{}

	mu     sync.Mutex
	sealed string
}

// Open reads a folder with transfer.FileResumeKey, and transfer.FileResumeState
// where an attempt before has told something. What cannot be opened was told of
// another transfer, and is left aside.
func Open(dir, id string) (*Memo, error) {
	key, err := read(filepath.Join(dir, transfer.FileResumeKey))
	if err != nil {
		return nil, transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("cannot read the key of what attempts tell each other: %w", err))
	}
	sum := sha256.Sum256(key)
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	m := &Memo{seal: seal, id: []byte(id), news: make(chan struct{}, 1)}
	sealed, err := read(filepath.Join(dir, transfer.FileResumeState))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("cannot read what an attempt before has told: %w", err))
	}
	m.before = m.open(strings.TrimSpace(string(sealed)))
	return m, nil
}

// open returns what was sealed, or nil.
func (m *Memo) open(sealed string) []byte {
	b, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil || len(b) == 0 {
		return nil
	}
	plain, err := m.seal.Open(nil, nil, b, m.id)
	if err != nil {
		return nil
	}
	return plain
}

// Before is what an attempt before has told last; nil: nothing.
func (m *Memo) Before() []byte {
	if m == nil {
		return nil
	}
	return m.before
}

// Tell carries b to the next attempt, in place of what was told before. What is
// longer than an output line may be is not told.
func (m *Memo) Tell(b []byte) {
	sealed := base64.RawStdEncoding.EncodeToString(m.seal.Seal(nil, nil, b, m.id))
	if len(sealed) > transfer.MaxResumeBytes {
		sealed = ""
	}
	m.mu.Lock()
	m.sealed = sealed
	m.mu.Unlock()
	select {
	case m.news <- struct{}{}:
	default: // It was not seen yet that there is something new.
	}
}

// Sealed is what was told last, as it goes on the mover's output; empty: nothing.
func (m *Memo) Sealed() string {
	if m == nil {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sealed
}

// News receives when something new was told. The next attempt gets only what was
// written before this one ends.
func (m *Memo) News() <-chan struct{} {
	if m == nil {
		return nil
	}
	return m.news
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%q is larger than %d bytes", filepath.Base(path), maxFileBytes)
	}
	return os.ReadFile(path)
}
