// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	*process
	log string
}

func serve(ctx context.Context, dir string) (*server, error) {
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, address), 0o644); err != nil {
		return nil, err
	}
	p, err := start(ctx, "http://"+address+"/disk.raw", nil, "nginx", "-c", conf)
	if err != nil {
		return nil, err
	}
	return &server{process: p, log: filepath.Join(dir, "access.log")}, nil
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
