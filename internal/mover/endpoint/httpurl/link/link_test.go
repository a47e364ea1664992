// SPDX-License-Identifier: Apache-2.0

package link_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func none(*http.Request) (*url.URL, error) { return nil, nil }

func get(t *testing.T, l *link.Link, u string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.Proto + " " + resp.Status + " " + string(b), err
}

func mustNew(t *testing.T, o link.Options) *link.Link {
	t.Helper()
	l, err := link.New(o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(l.Close)
	return l
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func secure(t *testing.T, h http.Handler) (srv *httptest.Server, ca string) {
	t.Helper()
	srv = httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(ca, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return srv, ca
}

func TestNoHTTP2(t *testing.T) {
	srv, ca := secure(t, http.HandlerFunc(hello))
	got, err := get(t, mustNew(t, link.Options{CAFile: ca, Proxy: none}), srv.URL)
	if want := "HTTP/1.1 200 OK hello"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q: several requests must be several connections", got, err, want)
	}
}

func TestControlSeesEveryAddress(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(hello))
	defer srv.Close()
	port := srv.URL[strings.LastIndexByte(srv.URL, ':'):]
	var mu sync.Mutex
	var seen []string
	l := mustNew(t, link.Options{Proxy: none, Control: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, address)
		return transfer.Terminal(transfer.ReasonPolicyDenied, errors.New("denied"))
	}})
	// The name is resolved first: what is checked is the address.
	if _, err := get(t, l, "http://localhost"+port); transfer.ReasonOf(err) != transfer.ReasonPolicyDenied {
		t.Errorf("got %v, want reason %s", err, transfer.ReasonPolicyDenied)
	}
	mu.Lock()
	defer mu.Unlock()
	found := false
	for _, a := range seen {
		found = found || a == "127.0.0.1"+port
	}
	if !found {
		t.Errorf("addresses that were checked: %q, want 127.0.0.1%s among them", seen, port)
	}
}

// proxy is a proxy for http and https that answers with a status of its own
// unless that is 0.
func proxy(t *testing.T, status int) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		if r.Method != http.MethodConnect {
			_, _ = io.WriteString(w, "through the proxy to "+r.URL.Host)
			return
		}
		tunnel(t, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func tunnel(t *testing.T, w http.ResponseWriter, r *http.Request) {
	up, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		t.Error(err)
		return
	}
	defer up.Close()
	down, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer down.Close()
	_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(up, down) }()
	_, _ = io.Copy(down, up)
}

func TestProxy(t *testing.T) {
	srv, ca := secure(t, http.HandlerFunc(hello))
	cases := map[string]struct {
		reason string
		status int
		url    string
		want   transfer.Reason
		body   string
	}{
		"HTTP":       {"a plain request is the proxy's to make", 0, "http://images.invalid/", "", "through the proxy to images.invalid"},
		"HTTPS":      {"a tunnel is asked for", 0, srv.URL, "", "hello"},
		"Wants":      {"the proxy wants credentials", 407, srv.URL, transfer.ReasonUnauthorized, ""},
		"Refuses":    {"the proxy does not connect to that host", 403, srv.URL, transfer.ReasonSourceRefused, ""},
		"CannotNow":  {"the proxy cannot reach the host", 502, srv.URL, transfer.ReasonSourceUnavailable, ""},
		"NoSuchName": {"what the environment names is no proxy", -1, srv.URL, transfer.ReasonSourceRefused, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := proxy(t, max(tc.status, 0))
			o := link.Options{CAFile: ca, Control: func(_ context.Context, _, address string, _ syscall.RawConn) error {
				return errors.New("a proxy is the operator's choice: " + address)
			}}
			o.Proxy = func(*http.Request) (*url.URL, error) {
				if tc.status < 0 {
					return nil, errors.New("user:hidden@")
				}
				return url.Parse(p.URL)
			}
			got, err := get(t, mustNew(t, o), tc.url)
			if transfer.ReasonOf(err) != tc.want || !strings.HasSuffix(got, tc.body) {
				t.Errorf("%s: got %q, %v, want reason %q and %q", tc.reason, got, err, tc.want, tc.body)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: message %q holds the proxy's password", tc.reason, err)
			}
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	var connections atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	var received atomic.Int64
	l := mustNew(t, link.Options{Proxy: none, Received: func(n int) { received.Add(int64(n)) }})
	for range 5 {
		if _, err := get(t, l, srv.URL); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for five requests one after another, want 1", n)
	}
	if n := received.Load(); n < 5*int64(len("hello")) {
		t.Errorf("%d bytes received, want at least those of five answers", n)
	}
}

// stalls writes an answer's beginning and then nothing.
func stalls(t *testing.T, begin string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	t.Cleanup(func() { close(end); _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = bufio.NewReader(c).ReadString('\n')
				_, _ = io.WriteString(c, begin)
				<-end
			}()
		}
	}()
	return l.Addr().String()
}

func TestStall(t *testing.T) {
	cases := map[string]struct{ reason, scheme, begin string }{
		"Answer":    {"nothing at all", "http", ""},
		"Headers":   {"half of the headers", "http", "HTTP/1.1 200 OK\r\nX-Half: yes\r\n"},
		"Body":      {"half of the body", "http", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"},
		"Handshake": {"nothing of the handshake", "https", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := mustNew(t, link.Options{Proxy: none, Stall: 100 * time.Millisecond})
			_, err := get(t, l, tc.scheme+"://"+stalls(t, tc.begin))
			var stall *link.StallError
			if !errors.As(err, &stall) || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v (%T), want a stall that is not the context's end", tc.reason, err, err)
			}
			var network net.Error
			if err != nil && (!errors.As(err, &network) || !network.Timeout() || err.Error() == "") {
				t.Errorf("%s: %v is no timeout", tc.reason, err)
			}
		})
	}
}

// patience is a stall time that no loaded machine takes for one.
const patience = 2 * time.Second

// body asks for a URL, and returns what is answered while it arrives.
func body(t *testing.T, u string, stall time.Duration) io.Reader {
	t.Helper()
	l := mustNew(t, link.Options{Proxy: none, Stall: stall})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.Body
}

func TestWaitingForUsIsNoStall(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 32<<20))
	}))
	t.Cleanup(srv.Close)
	answer := body(t, srv.URL, patience)
	select {
	case <-time.After(patience + patience/2): // the disk is busy
	case <-t.Context().Done():
	}
	n, err := io.Copy(io.Discard, answer)
	if diff := cmp.Diff(int64(32<<20), n); diff != "" || err != nil {
		t.Errorf("%v: -want, +got:\n%s", err, diff)
	}
}

// TestFastThenSlow has a server that sends much at once, so that its reader is
// woken for many bytes only, and then a few at a time: they are read as they come,
// and are no stall.
func TestFastThenSlow(t *testing.T) {
	const much, few, times = 64 << 20, 1000, 6
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(much+few*times))
		_, _ = w.Write(make([]byte, much))
		for range times {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(patience / 4):
			case <-r.Context().Done():
			}
			_, _ = w.Write(make([]byte, few))
		}
	}))
	t.Cleanup(srv.Close)
	answer := body(t, srv.URL, patience)
	n, p := 0, make([]byte, 4<<20)
	var err error
	for err == nil {
		var m int
		m, err = answer.Read(p)
		n += m
	}
	if err != io.EOF || n != much+few*times {
		t.Errorf("got %d bytes and error %v, want %d and the end", n, err, much+few*times)
	}
}

// TestFewAfterMuch has a server that sends much at once, and then nothing until the
// few bytes behind it have been read: the reader does not wait for more of them
// until the link stalls.
func TestFewAfterMuch(t *testing.T) {
	const much, few, rest = 64 << 20, 1000, 4 << 20
	read := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(much+few+rest))
		_, _ = w.Write(make([]byte, much))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(patience / 4) // The reader has all of it, and waits for more.
		_, _ = w.Write(make([]byte, few))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-read:
			_, _ = w.Write(make([]byte, rest))
		case <-time.After(30 * patience):
		}
	}))
	t.Cleanup(srv.Close)
	answer := body(t, srv.URL, time.Hour)
	p := make([]byte, 4<<20)
	for n := 0; n < much+few; {
		m, err := answer.Read(p)
		if n += m; err != nil {
			t.Fatalf("got %d bytes and error %v, want %d", n, err, much+few)
		}
	}
	close(read)
	if n, err := io.Copy(io.Discard, answer); n != rest || err != nil {
		t.Errorf("got %d bytes and error %v at the end, want %d", n, err, rest)
	}
}

// heldUp is set in the process that TestHeldUpIsNoStall stops: the URL that it reads.
const heldUp = "LINK_TEST_HELD_UP"

// TestHeldUpIsNoStall stops the process that reads, as a node does that has no
// processor for it, for longer than the stall time. What the server sent
// meanwhile is there when it goes on.
func TestHeldUpIsNoStall(t *testing.T) {
	if u := os.Getenv(heldUp); u != "" {
		b, err := io.ReadAll(body(t, u, patience))
		if string(b) != "hello, there" || err != nil {
			t.Errorf("got %q and error %v", b, err)
		}
		return
	}
	reads, stopped := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello")
		_ = http.NewResponseController(w).Flush()
		close(reads)
		select {
		case <-stopped:
			_, _ = io.WriteString(w, ", there")
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	reader := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHeldUpIsNoStall$")
	reader.Env = append(os.Environ(), heldUp+"="+srv.URL)
	var said bytes.Buffer
	reader.Stdout, reader.Stderr = &said, &said
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-reads:
	case <-time.After(30 * patience):
		t.Error("it has not asked for the URL")
	}
	time.Sleep(patience / 8) // It has read, and waits for more.
	_ = reader.Process.Signal(syscall.SIGSTOP)
	close(stopped)
	time.Sleep(2 * patience)
	_ = reader.Process.Signal(syscall.SIGCONT)
	if err := reader.Wait(); err != nil {
		t.Errorf("%v:\n%s", err, &said)
	}
}
