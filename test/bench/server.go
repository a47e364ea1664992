// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const address = "127.0.0.1:18080"

// nginxConf serves the images as they are and, under /slow/, with 20 MB/s for
// each connection; its log counts the bytes on the wire.
const nginxConf = `
worker_processes 1;
daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 256; }
http {
  log_format bytes '$bytes_sent';
  access_log %[1]s/access.log bytes;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  server {
    listen %[2]s;
    location / { root %[1]s/www; }
    location /slow/ { alias %[1]s/www/; limit_rate 20000000; }
  }
}
`

// server is an nginx on loopback.
type server struct {
	cmd *exec.Cmd
	log string
}

func serve(ctx context.Context, dir string) (*server, error) {
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, address), 0o644); err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command("nginx", "-c", conf), log: filepath.Join(dir, "access.log")}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start nginx: %w", err)
	}
	for range 100 {
		if resp, err := http.Head("http://" + address + "/disk.raw"); err == nil {
			resp.Body.Close()
			return s, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.stop()
	return nil, errors.New("nginx does not answer on " + address)
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// reset forgets the bytes that were sent.
func (s *server) reset() error { return os.Truncate(s.log, 0) }

// sent is how many bytes were sent since reset.
func (s *server) sent() (int64, error) {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, l := range strings.Fields(string(b)) {
		n, err := strconv.ParseInt(l, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read the server's log: %w", err)
		}
		sum += n
	}
	return sum, nil
}
