// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The addresses of the servers that artifacts are sent to, and the bucket and
// the image there.
const (
	gatewayAddress  = "127.0.0.1:18081"
	gatewayRegion   = "127" // CDI takes what stands before the first dot of the host for the region.
	registryAddress = "127.0.0.1:18082"

	bucket    = "bench"
	imageName = registryAddress + "/bench/disk:latest"
)

// process is a server that runs beside the programs.
type process struct{ cmd *exec.Cmd }

// start starts a server and returns when it answers at the URL, with any status.
func start(ctx context.Context, url string, env []string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(args[0], args[1:]...)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if _, err := http.Head(url); err == nil {
		return nil, fmt.Errorf("cannot start %s: another server answers at %s", args[0], url)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", args[0], err)
	}
	for range 200 {
		if resp, err := http.Head(url); err == nil {
			resp.Body.Close()
			return p, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			p.stop()
			return nil, ctx.Err()
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s does not answer at %s", args[0], url)
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// store starts a server over a folder.
type store func(ctx context.Context, o options, folder string) (*process, error)

// accessKey is the gateway's, and its clients'.
func accessKey() (key, secret string) {
	return "AKIABENCHBENCHBENCH0", "bench-secret-of-no-use-elsewhere"
}

// startGateway starts versitygw with one bucket, which is a folder: an object is
// a file there.
func startGateway(ctx context.Context, o options, folder string) (*process, error) {
	if err := os.MkdirAll(filepath.Join(folder, bucket), 0o755); err != nil {
		return nil, err
	}
	key, secret := accessKey()
	env := []string{"ROOT_ACCESS_KEY=" + key, "ROOT_SECRET_KEY=" + secret}
	return start(ctx, "http://"+gatewayAddress, env, o.gateway, "--port", gatewayAddress, "--region", gatewayRegion, "--quiet", "posix", folder)
}

// gatewayEnv is the environment of an S3 client, without what the user's own
// configuration says.
func gatewayEnv() []string {
	key, secret := accessKey()
	return []string{
		"AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_REGION=" + gatewayRegion,
		"AWS_ENDPOINT_URL=http://" + gatewayAddress, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_CA_BUNDLE=",
	}
}

// startRegistry starts distribution's registry over plain http.
func startRegistry(ctx context.Context, o options, folder string) (*process, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	return start(ctx, "http://"+registryAddress+"/v2/", nil, o.registry, "-addr", registryAddress, "-dir", folder)
}

// layers is the pattern of the blobs in a registry's folder. The largest is the
// disk.
func layers(folder string) string {
	return filepath.Join(folder, "docker", "registry", "v2", "blobs", "sha256", "*", "*", "data")
}

// largest is the largest file that matches a pattern.
func largest(pattern string) (path string, size int64, err error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return "", 0, err
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return "", 0, err
		}
		if path == "" || info.Size() > size {
			path, size = f, info.Size()
		}
	}
	if path == "" {
		return "", 0, fmt.Errorf("cannot find %s: %w", pattern, os.ErrNotExist)
	}
	return path, size, nil
}
