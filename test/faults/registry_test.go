// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	repository = "vms/one"
	tag        = "v1"
)

// a hub is a real registry behind a proxy that misbehaves.
type hub struct {
	*distribution.Registry

	proxy *distribution.Proxy

	// compression of the layer. Empty: the default.
	compression transfer.Algorithm

	// folder is what the attempts of one export tell each other by.
	folder string
	sent   atomic.Int64 // bytes of chunks that came to the proxy
	gently bool         // movers are asked to end, not killed
}

func (h *hub) signal() os.Signal {
	if h.gently {
		return syscall.SIGTERM
	}
	return os.Kill
}

// layers is how a layer can be compressed; the first is the default.
var layers = []transfer.Algorithm{transfer.CompressionZstd, transfer.CompressionGzip, transfer.CompressionNone}

func newHub(t *testing.T, layer transfer.Algorithm) *hub {
	t.Helper()
	return newHubIn(t, layer, t.TempDir())
}

// newHubIn is a hub whose registry has its content in a folder.
func newHubIn(t *testing.T, layer transfer.Algorithm, content string) *hub {
	t.Helper()
	r := distribution.StartIn(t, content)
	h := &hub{Registry: r, proxy: r.Before(t), compression: layer, folder: t.TempDir()}
	h.write(t, transfer.FileResumeKey, "a key of this test")
	h.write(t, transfer.FileResumeState, "")
	return h
}

func (h *hub) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// counted counts the bytes of chunks before another fault sees them.
func (h *hub) counted(f func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool) {
	h.proxy.Fault(func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
		if q.Method == http.MethodPatch {
			q.Body = &countedBody{q.Body, &h.sent}
		}
		return f != nil && f(p, w, q)
	})
}

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// job is an export of a disk to the registry. The disk cannot be packed, so that
// its layer has several chunks.
func (h *hub) job(disk string, change ...func(*transfer.RegistryImage)) transfer.Job {
	job := transfer.Job{
		Version: transfer.JobVersion, ID: "faults", Operation: transfer.OperationExport, ResumeDir: h.folder,
		Source: transfer.Source{File: &transfer.FileSource{Path: disk}},
		Artifact: &transfer.Artifact{
			Format: transfer.ArtifactOCI, Compression: transfer.Compression{Algorithm: h.compression},
			Registry: &transfer.RegistryImage{Image: h.proxy.Host + "/" + repository + ":" + tag},
		},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	}
	for _, c := range change {
		c(job.Artifact.Registry)
	}
	return job
}

// push runs `mover run` on an export of a disk to the registry.
func (h *hub) push(ctx context.Context, t *testing.T, disk string, change ...func(*transfer.RegistryImage)) (transfer.Result, error) {
	t.Helper()
	a := h.attempt(ctx, t, h.job(disk, change...))
	return a.result, a.err
}

// An attempt is one mover that has run.
type attempt struct {
	err    error
	result transfer.Result
	note   string // that it told last
	output string
}

// attempt runs a job, and does with what it tells what the provider does: the
// next attempt finds it, however this one ends. Nobody else can read it.
func (h *hub) attempt(ctx context.Context, t *testing.T, job transfer.Job) attempt {
	t.Helper()
	document, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, mover, "run", "--json", "--result-file", "", file)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, os.Stderr, time.Minute
	cmd.Cancel = func() error { return cmd.Process.Signal(h.signal()) }
	a := attempt{err: cmd.Run(), output: out.String()}
	for line := range bytes.Lines(out.Bytes()) {
		l := transfer.ParseLine(bytes.TrimSpace(line))
		switch {
		case l.Result != nil:
			a.result = *l.Result
			h.keep(t, l.Result.Resume)
		case l.Progress != nil:
			a.note = l.Progress.Note
			h.keep(t, l.Progress.Resume)
		}
	}
	if strings.Contains(a.output, "_state") || strings.Contains(a.output, "/uploads/") {
		t.Errorf("the output tells where the upload is:\n%s", a.output)
	}
	return a
}

func (h *hub) keep(t *testing.T, told string) {
	t.Helper()
	if told != "" {
		h.write(t, transfer.FileResumeState, told)
	}
}

// pushed checks that the export has ended well, and imports its image.
func (h *hub) pushed(t *testing.T, r transfer.Result, err error, want []byte) {
	t.Helper()
	if err != nil || !r.Succeeded() {
		t.Fatalf("%v: %s: %s", err, r.Reason, r.Message)
	}
	if got := distribution.Digest(h.Manifest(t, repository, tag)); got != r.Artifact.Digest {
		t.Errorf("the tag names %s, the result %s", got, r.Artifact.Digest)
	}
	o := run(t.Context(), t, transfer.Job{
		Source: transfer.Source{Registry: &transfer.RegistryImage{Image: h.Host + "/" + repository + "@" + r.Artifact.Digest}},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	})
	o.succeeded(t, want)
}

// A hubFault is that of a distribution.Proxy.
type hubFault = func(*distribution.Proxy, http.ResponseWriter, *http.Request) bool

func TestExportToRegistryOnABadDay(t *testing.T) {
	path, content := aDisk(t)
	isPatch := func(q *http.Request) bool { return q.Method == http.MethodPatch }
	cases := map[string]struct {
		reason string
		times  int64 // that it happens, at least
		fault  func(t *testing.T, h *hub) hubFault
	}{
		"Restarts": {"the registry is killed in the middle of a chunk and started again, twice", 2, func(t *testing.T, h *hub) hubFault {
			var n atomic.Int64
			return func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if isPatch(q) && n.Add(1)%2 == 0 && n.Load() < 5 {
					time.AfterFunc(20*time.Millisecond, func() { h.Restart(t) })
					p.Cut(w, q, 7*mib)
				}
				return false
			}
		}},
		"Away": {"it is away for ten seconds", 2, func(*testing.T, *hub) hubFault {
			var until atomic.Int64
			return func(_ *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if isPatch(q) {
					until.CompareAndSwap(0, time.Now().Add(10*time.Second).UnixNano())
				}
				if until.Load() == 0 || time.Now().UnixNano() > until.Load() {
					return false
				}
				distribution.Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "later")
				return true
			}
		}},
		"Cut": {"every other chunk breaks off", 2, func(*testing.T, *hub) hubFault {
			var n atomic.Int64
			return func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if isPatch(q) && n.Add(1)%2 == 1 {
					p.Cut(w, q, 5*mib)
				}
				return false
			}
		}},
		"NoChunks": {"it takes no chunks, and the one request with all of it breaks off once", 2, func(*testing.T, *hub) hubFault {
			var n atomic.Int64
			return func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				switch {
				case !isPatch(q):
					return false
				case q.Header.Get("Content-Range") != "":
					distribution.Refuse(w, http.StatusBadRequest, "UNSUPPORTED", "no chunks")
					return true
				case n.Add(1) == 1:
					p.Cut(w, q, 30*mib)
				}
				return false
			}
		}},
		"Lost": {"the session is lost: all is made again", 1, func(*testing.T, *hub) hubFault {
			var n atomic.Int64
			return func(_ *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
				if !isPatch(q) || n.Add(1) != 3 {
					return false
				}
				distribution.Refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "gone")
				return true
			}
		}},
	}
	for name, tc := range cases {
		for _, layer := range layers {
			t.Run(name+"/"+string(layer), func(t *testing.T) {
				t.Parallel()
				h := newHub(t, layer)
				var n atomic.Int64
				fault := tc.fault(t, h)
				h.proxy.Fault(func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
					return misbehaved(&n, func() bool { return fault(p, w, q) })
				})
				r, err := h.push(t.Context(), t, path)
				h.pushed(t, r, err, content)
				if n.Load() < tc.times {
					t.Errorf("%s: that was so %d times, want %d", tc.reason, n.Load(), tc.times)
				}
			})
		}
	}
}

// TestExportToRegistryWithTokens gets a new token every few requests, the
// password is replaced on the way, and no secret is told.
func TestExportToRegistryWithTokens(t *testing.T) {
	path, content := aDisk(t)
	h := newHub(t, "")
	tokens := &distribution.Tokens{Username: "user", Password: "correct horse", Uses: 3}
	h.proxy.Fault(tokens.Fault)
	folder := t.TempDir()
	write := func(password string) {
		for name, value := range map[string]string{"username": "user", "password": password} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(value), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	login := func(i *transfer.RegistryImage) { i.CredentialsDir = folder }
	write("battery staple")
	r, _ := h.push(t.Context(), t, path, login)
	if r.Reason != transfer.ReasonUnauthorized || strings.Contains(r.Message, "battery") {
		t.Errorf("with a wrong password: got %s: %s", r.Reason, r.Message)
	}
	if n := len(h.proxy.Requests()); n > 3 {
		t.Errorf("with a wrong password: %d requests, want no other try", n)
	}
	write(tokens.Password)
	var before atomic.Int64 // tokens that the first password got
	h.proxy.Fault(func(p *distribution.Proxy, w http.ResponseWriter, q *http.Request) bool {
		if q.Method == http.MethodPatch && before.CompareAndSwap(0, int64(tokens.Issued())) {
			write("another horse")
			tokens.Replace("another horse")
		}
		return tokens.Fault(p, w, q)
	})
	a := h.attempt(t.Context(), t, h.job(path, login))
	h.pushed(t, a.result, a.err, content)
	if first, all := before.Load(), int64(tokens.Issued()); first == 0 || all < first+2 {
		t.Errorf("got %d tokens with the first password and %d in all, want several with the other", first, all)
	}
	if strings.Contains(a.output, "horse") || strings.Contains(a.output, "token-number") {
		t.Errorf("the output tells a secret:\n%s", a.output)
	}
}
