// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// ofTheCluster are words that mean nothing at a command line.
var ofTheCluster = regexp.MustCompile(`Secret|Ref\b|transfer\.|user 107|it is tried again|[Vv]olume|operator`)

// TestAdvice looks at what a person is told to do, who has no resource and no Job.
func TestAdvice(t *testing.T) {
	for _, r := range transfer.Reasons() {
		got := byHand(transfer.Result{Reason: r}).Advice
		if got == "" || ofTheCluster.MatchString(got) {
			t.Errorf("%s: got advice %q, want one that somebody can follow at a command line", r, got)
		}
	}
	if got := byHand(transfer.Result{}).Advice; got != "" {
		t.Errorf("success: got advice %q, want none", got)
	}
}

// TestAdviceOfACommand sees it in the result of a command, and leaves that of a
// job as it is.
func TestAdviceOfACommand(t *testing.T) {
	there := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	source := serve(t, noise(1*mib))
	r := call(t, "import", source, there).result(t)
	if r.Reason != transfer.ReasonTargetUnusable || !strings.Contains(r.Advice, "--force") {
		t.Errorf("import: got %s with advice %q, want TargetUnusable with --force", r.Reason, r.Advice)
	}
	_, wait := start(t, "{}", "run", "-")
	if r := wait().result(t); r.Advice != r.Reason.Advice() {
		t.Errorf("run: got advice %q, want that of %s", r.Advice, r.Reason)
	}
}

// TestRetries asks a server that is down as often as is said.
func TestRetries(t *testing.T) {
	cases := map[string]struct {
		reason, retries string
		asked           int64
		want            transfer.Reason
	}{
		"None":     {"0 is never again", "0", 1, transfer.ReasonSourceUnavailable},
		"Two":      {"2 is twice again", "2", 3, transfer.ReasonSourceUnavailable},
		"Negative": {"less is not a number of tries", "-1", 0, transfer.ReasonInvalidJob},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			defer down.Close()
			r := call(t, "import", "--retries="+tc.retries, down.URL, filepath.Join(t.TempDir(), "disk.img")).result(t)
			if got := asked.Load(); got != tc.asked || r.Reason != tc.want {
				t.Errorf("%s: asked %d times, ended with %s, want %d and %s", tc.reason, got, r.Reason, tc.asked, tc.want)
			}
		})
	}
}
