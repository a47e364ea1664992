// SPDX-License-Identifier: Apache-2.0

package resume_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/resume"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const secret = "https://registry.example.com/v2/a/blobs/uploads/1?_state=secret"

func folder(t *testing.T, key, state string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{transfer.FileResumeKey: key, transfer.FileResumeState: state} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// told is what an attempt tells.
func told(t *testing.T, key, id, what string) string {
	t.Helper()
	m, err := resume.Open(folder(t, key, ""), id)
	if err != nil {
		t.Fatal(err)
	}
	if m.Before() != nil || m.Sealed() != "" {
		t.Errorf("the first attempt knows %q and tells %q", m.Before(), m.Sealed())
	}
	m.Tell([]byte(what))
	<-m.News()
	return m.Sealed()
}

func TestMemo(t *testing.T) {
	sealed := told(t, "key", "id", secret)
	cases := map[string]struct {
		reason, key, id, state, want string
	}{
		"Next":   {"the next attempt knows it", "key", "id", sealed, secret},
		"Lines":  {"however the file ends", "key", "id", sealed + "\n", secret},
		"First":  {"nothing was told", "key", "id", "", ""},
		"Key":    {"it was sealed with another key", "other", "id", sealed, ""},
		"ID":     {"it was told of another transfer", "key", "other", sealed, ""},
		"Cut":    {"it is not whole", "key", "id", sealed[:len(sealed)-2], ""},
		"Words":  {"it is none", "key", "id", "{}", ""},
		"Random": {"it never was one", "key", "id", "AAAA", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := resume.Open(folder(t, tc.key, tc.state), tc.id)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(m.Before()); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
	if strings.Contains(sealed, "registry") || strings.Contains(sealed, "secret") {
		t.Errorf("what is told can be read: %s", sealed)
	}
	if again := told(t, "key", "id", secret); again == sealed {
		t.Error("the same is sealed to the same twice")
	}
	if long := told(t, "key", "id", strings.Repeat("x", transfer.MaxResumeBytes)); long != "" {
		t.Errorf("%d bytes are told, want at most %d", len(long), transfer.MaxResumeBytes)
	}
}

func TestMemoNone(t *testing.T) {
	var m *resume.Memo
	if m.Before() != nil || m.Sealed() != "" || m.News() != nil {
		t.Error("no memo has something")
	}
	if _, err := resume.Open(t.TempDir(), "id"); transfer.ReasonOf(err) != transfer.ReasonInvalidJob {
		t.Errorf("without a key: got %v", err)
	}
}
