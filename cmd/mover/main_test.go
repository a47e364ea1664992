// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const mib = 1 << 20

// binary is the program as it is shipped, not the one with the race detector.
var binary string

func TestMain(m *testing.M) { os.Exit(withBinary(m)) }

func withBinary(m *testing.M) int {
	folder, err := os.MkdirTemp("", "mover")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "mover")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build mover: %v: %s", err, out)
		return 1
	}
	return m.Run()
}

// ended is a process that has ended.
type ended struct {
	code           int
	stdout, stderr string
	lines          []transfer.Line
	most           peaks
}

// result is the last line of standard output.
func (e ended) result(t *testing.T) transfer.Result {
	t.Helper()
	if len(e.lines) == 0 || e.lines[len(e.lines)-1].Result == nil {
		t.Fatalf("the last line is no result: %s%s", e.stdout, e.stderr)
	}
	return *e.lines[len(e.lines)-1].Result
}

func start(t *testing.T, stdin string, args ...string) (*exec.Cmd, func() ended) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	most := watch(cmd.Process.Pid)
	return cmd, func() ended {
		_ = cmd.Wait() // The exit code is looked at.
		e := ended{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
		for l := range strings.Lines(e.stdout) {
			e.lines = append(e.lines, transfer.ParseLine([]byte(l)))
		}
		e.most = most()
		return e
	}
}

// peaks are what a process needed, in bytes.
type peaks struct {
	rss     int64 // memory, as VmHWM of proc(5) tells it
	written int64 // to file systems that keep it: write_bytes of proc(5)
}

// watch looks at the peaks of a process until it has ended, and the function that
// it returns is called. What wait tells of a child includes its parent's peak,
// which under the race detector is the larger one.
func watch(pid int) (most func() peaks) {
	stop, ended := make(chan struct{}), make(chan peaks)
	go func() {
		var p peaks
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			p.rss = max(p.rss, read(pid, "status", "VmHWM: %d kB")<<10)
			p.written = max(p.written, read(pid, "io", "write_bytes: %d"))
			select {
			case <-tick.C:
			case <-stop:
				ended <- p
				return
			}
		}
	}()
	return func() peaks { close(stop); return <-ended }
}

// read is a number in a file of proc(5); 0 when the process has ended.
func read(pid int, file, format string) (n int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, format, &n); err == nil {
			return n
		}
	}
	return 0
}

func call(t *testing.T, args ...string) ended {
	t.Helper()
	_, wait := start(t, "", args...)
	return wait()
}

// noise is n bytes without zeros.
func noise(n int) []byte {
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x>>24) | 1
	}
	return p
}

func serve(t *testing.T, content []byte) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/disk.img" {
			http.NotFound(w, r)
			return
		}
		if want := r.URL.Query().Get("token"); want != r.Header.Get("X-Token") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("ETag", `"one"`)
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/disk.img"
}

func TestImport(t *testing.T) {
	disk := noise(9*mib + 512)
	to := filepath.Join(t.TempDir(), "disk.img")
	e := call(t, "import", serve(t, disk), to, "--size=16M", "--owner=107:107", "--mode=0660", "--connections=2")
	r := e.result(t)
	if e.code != 0 || !r.Succeeded() || r.DiskSize != 16*mib {
		t.Fatalf("got exit code %d, %+v, %s", e.code, r, e.stderr)
	}
	got, err := os.ReadFile(to)
	if err != nil || !bytes.Equal(got, append(disk, make([]byte, 7*mib-512)...)) {
		t.Errorf("the disk is not the image: %v", err)
	}
	info, err := os.Stat(to)
	if err != nil || info.Mode() != 0o660 {
		t.Errorf("mode: got %v, %v, want 0660", info.Mode(), err)
	}
	first, last := e.lines[0].Progress, e.lines[len(e.lines)-2].Progress
	if first == nil || last == nil || last.Percent != 100 || last.TransferredBytes != 9*mib+512 {
		t.Errorf("progress: got %s", e.stdout)
	}

	e = call(t, "import", serve(t, disk), to)
	if r := e.result(t); r.Reason != transfer.ReasonTargetUnusable || !strings.Contains(r.Message, "--force") {
		t.Errorf("over a disk that is there: got %+v", r)
	}
	e = call(t, "import", serve(t, disk), to, "--force")
	if r := e.result(t); !r.Succeeded() || r.DiskSize != 9*mib+512 {
		t.Errorf("with --force: got %+v", r)
	}
}

// TestExitCodes has the exit code follow from the reason.
func TestExitCodes(t *testing.T) {
	url := serve(t, noise(mib))
	headers := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("X-Token: s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "disk.img")
	cases := map[string]struct {
		reason string
		args   []string
		want   int
	}{
		"NoCommand":       {"what is to be done must be said", nil, 2},
		"NoDestination":   {"an argument that is missing", []string{"import", url}, 2},
		"OtherScheme":     {"a scheme that does not work", []string{"import", "ftp://host/disk", out}, 2},
		"OtherTarget":     {"nor one as an import's destination", []string{"import", url, "s3://bucket/key"}, 2},
		"BadLimit":        {"a number that is none", []string{"import", url, out, "--limit=fast"}, 2},
		"BadOwner":        {"an owner that is none", []string{"import", url, out, "--owner=root"}, 2},
		"BadFormat":       {"a format that is none", []string{"import", url, out, "--format=ZIP"}, 2},
		"HeaderForFile":   {"headers go with URLs", []string{"import", "/dev/null", out, "--header=A: b"}, 2},
		"UserInformation": {"a password in a URL", []string{"import", "http://a:b@localhost/disk.img", out}, 10},
		"NotFound":        {"nothing there", []string{"import", url + "x", out}, 11},
		"NotFoundFile":    {"no file there", []string{"import", "/does/not/exist", out}, 11},
		"Forbidden":       {"a header that is missing", []string{"import", url + "?token=s3cret", out}, 12},
		"HeaderFile":      {"a header from a file", []string{"import", url + "?token=s3cret", out, "--header=@" + headers}, 0},
		"Checksum":        {"another checksum", []string{"import", url, out + "2", "--checksum=md5:00000000000000000000000000000000"}, 18},
		"TooSmall":        {"a disk that does not fit", []string{"import", url, out + "2", "--size=512K"}, 22},
		"TooLarge":        {"a disk over the limit", []string{"import", url, out + "2", "--max-virtual-size=512K"}, 25},
		"InspectTooLarge": {"which inspect tells before", []string{"inspect", url, "--max-virtual-size=512K"}, 25},
		"Folder":          {"a folder as the disk", []string{"import", url, t.TempDir()}, 23},
		"Refused":         {"a server that is not there is worth another try", []string{"import", "http://127.0.0.1:1/x", out + "2", "--retries=1"}, 1},
		"Deadline":        {"a deadline that is too near", []string{"import", url, out + "2", "--limit=64K", "--deadline=200ms"}, 1},
		"Version":         {"the version", []string{"version"}, 0},
		"Help":            {"help", []string{"--help"}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := call(t, tc.args...)
			if e.code != tc.want {
				t.Errorf("%s: got exit code %d, want %d: %s%s", tc.reason, e.code, tc.want, e.stdout, e.stderr)
			}
			if tc.want == 2 && (e.stdout != "" || !strings.HasPrefix(e.stderr, "mover: ")) {
				t.Errorf("%s: got %q and %q, want one sentence on standard error", tc.reason, e.stdout, e.stderr)
			}
			if strings.Contains(e.stdout+e.stderr, "X-Token") {
				t.Errorf("%s: a header is shown", tc.reason)
			}
		})
	}
}

func TestHelpListsEveryReason(t *testing.T) {
	e := call(t, "--help")
	for _, r := range transfer.Reasons() {
		if !strings.Contains(e.stdout, string(r)) {
			t.Errorf("%s is not in the help", r)
		}
	}
}

func TestInspect(t *testing.T) {
	e := call(t, "inspect", serve(t, noise(mib)), "--json")
	var got mover.Inspection
	if err := json.Unmarshal([]byte(e.stdout), &got); err != nil {
		t.Fatal(err)
	}
	want := mover.Inspection{Ranges: true, Source: transfer.SourceFacts{
		ETag: `"one"`, Size: mib, Format: transfer.FormatRaw, VirtualSize: mib,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if e := call(t, "inspect", serve(t, noise(mib))); !strings.Contains(e.stdout, "virtual size:  1 MiB (1048576 bytes)") {
		t.Errorf("for people: got\n%s", e.stdout)
	}
}

func TestRun(t *testing.T) {
	folder := t.TempDir()
	to, resultFile := filepath.Join(folder, "disk.img"), filepath.Join(folder, "result")
	if err := os.WriteFile(to, []byte("of an attempt before"), 0o600); err != nil {
		t.Fatal(err)
	}
	job, err := json.Marshal(transfer.Job{
		Version: transfer.JobVersion, ID: "one", Operation: transfer.OperationImport,
		Source:      transfer.Source{HTTP: &transfer.HTTPSource{URL: serve(t, noise(mib))}},
		Destination: transfer.Destination{Path: to},
		Policy:      transfer.Policy{Unrestricted: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, wait := start(t, string(job), "run", "-", "--result-file="+resultFile)
	e := wait()
	if r := e.result(t); e.code != 0 || r.ID != "one" || r.DiskSize != mib {
		t.Errorf("got exit code %d, %+v, %s", e.code, r, e.stderr)
	}
	line, err := os.ReadFile(resultFile)
	if err != nil || !strings.HasSuffix(e.stdout, string(line)+"\n") {
		t.Errorf("result file: got %s, %v, want the last line", line, err)
	}

	_, wait = start(t, `{"version":1,"unheard":"of"}`, "run", "-", "--result-file="+resultFile)
	e = wait()
	if r := e.result(t); e.code != 10 || r.Reason != transfer.ReasonInvalidJob {
		t.Errorf("a document with an unknown field: got exit code %d, %+v", e.code, r)
	}
	line, err = os.ReadFile(resultFile)
	if err != nil || !strings.Contains(string(line), "InvalidJob") {
		t.Errorf("result file: got %s, %v", line, err)
	}
}

// TestSignal interrupts a transfer, which then leaves nothing.
func TestSignal(t *testing.T) {
	folder := t.TempDir()
	url := serve(t, noise(4*mib))
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, wait := start(t, "", "import", url, filepath.Join(folder, "disk.img"), "--limit=1M")
		eventually(t, func() bool {
			left, err := os.ReadDir(folder)
			return err == nil && len(left) == 1
		})
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		e := wait()
		if r := e.result(t); e.code != 1 || r.Reason != transfer.ReasonInterrupted {
			t.Errorf("%s: got exit code %d, %+v", s, e.code, r)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
			t.Errorf("%s: files are left: %v, %v", s, left, err)
		}
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatal("it did not happen within 30 s")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestEncodeBounded(t *testing.T) {
	r := transfer.Result{Type: transfer.LineResult, Message: strings.Repeat("\x01", 1024), Advice: "None."}
	line := encode(r)
	if len(line) > transfer.MaxResultBytes || transfer.ParseLine(line).Result == nil {
		t.Errorf("a message that needs escapes: got %d bytes: %.80s", len(line), line)
	}
}
