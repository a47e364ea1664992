// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestTerminal runs the program as a person does, on a terminal: a bar, and a
// sentence at the end.
func TestTerminal(t *testing.T) {
	good := serve(t, noise(3*mib))
	cases := map[string]struct {
		reason string
		url    string
		code   int
		want   []string
	}{
		"Done":   {"an import that succeeds", good, transfer.ExitDone, []string{"100%       3 MiB of 3 MiB", "\nImported 3 MiB of Raw", "sha256:"}},
		"Failed": {"an import that cannot", good + "/missing", transfer.ReasonSourceNotFound.ExitCode(), []string{"\nmover: ", "SourceNotFound: "}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "disk.img")
			shown, code := onTerminal(t, "import", tc.url, to)
			if code != tc.code {
				t.Errorf("%s: exit code %d, want %d", tc.reason, code, tc.code)
			}
			for _, w := range tc.want {
				if !strings.Contains(shown, w) {
					t.Errorf("%s: %q is not on the terminal:\n%s", tc.reason, w, shown)
				}
			}
		})
	}
}

// TestInterruptedOnTerminal stops it while it waits for a server: it says what
// it waited for, and what a person can do, who is no Job.
func TestInterruptedOnTerminal(t *testing.T) {
	asked := make(chan struct{}, 100)
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		asked <- struct{}{}
	}))
	defer busy.Close()
	shown, code := whileOnTerminal(t, func(p *os.Process) {
		<-asked // And once more: the first answer has been seen by then.
		<-asked
		_ = p.Signal(os.Interrupt)
	}, "import", busy.URL, filepath.Join(t.TempDir(), "disk.img"))
	if code != transfer.ExitRetry {
		t.Errorf("exit code %d, want %d", code, transfer.ExitRetry)
	}
	for _, w := range []string{"\nmover: cannot go on: ", "503", "Interrupted: Run the same command again"} {
		if !strings.Contains(shown, w) {
			t.Errorf("%q is not on the terminal:\n%s", w, shown)
		}
	}
}

// onTerminal runs the program on a pseudo-terminal of 100 columns, pty(7), and
// returns what it showed there.
func onTerminal(t *testing.T, args ...string) (shown string, code int) {
	t.Helper()
	return whileOnTerminal(t, func(*os.Process) {}, args...)
}

// whileOnTerminal is onTerminal that does something to the program meanwhile.
func whileOnTerminal(t *testing.T, during func(*os.Process), args ...string) (shown string, code int) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: 100}); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	go during(cmd.Process)
	// The read ends with an error, EIO, when nobody has the other side open.
	b, _ := io.ReadAll(ours)
	_ = cmd.Wait() // The exit code says it.
	return strings.ReplaceAll(string(b), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}
