// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/novasphere/provider-wukong/cluster/internal/host"
)

// cdiPrograms are what CDI's programs and scripts run.
func cdiPrograms() []string {
	return strings.Fields("bash sh tar ln cat du cut blockdev qemu-img nbdkit gzip xz ls cp rm mkdir dd stat sleep env id " +
		"test chmod truncate losetup findmnt mount umount curl")
}

// cdiLibraries are what nbdkit and the C library load by name.
func cdiLibraries() []string {
	return []string{
		"/usr/lib/*/nbdkit/plugins/nbdkit-curl-plugin.so",
		"/usr/lib/*/nbdkit/plugins/nbdkit-file-plugin.so",
		"/usr/lib/*/nbdkit/plugins/nbdkit-memory-plugin.so",
		"/usr/lib/*/nbdkit/filters/*.so",
		"/usr/lib/*/libnss_dns.so.2",
		"/usr/lib/*/libnss_files.so.2",
		"/usr/lib/*/libresolv.so.2",
	}
}

// A rootfs is a root file system made of the machine's own files: the path of
// each in the image, and where it is here.
type rootfs map[string]string

// collect finds the programs, what they load, and every library that any of
// them is linked with.
func collect(ctx context.Context) (rootfs, error) {
	files := rootfs{"/etc/ssl/certs/ca-certificates.crt": "/etc/ssl/certs/ca-certificates.crt"}
	var linked []string
	for _, p := range cdiPrograms() {
		path := host.Find(p)
		if path == "" {
			return nil, fmt.Errorf("cannot find program %s", p)
		}
		linked = append(linked, path)
	}
	for _, pattern := range cdiLibraries() {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("cannot look for %s: %w", pattern, err)
		}
		linked = append(linked, matches...)
	}
	for _, path := range linked {
		if err := files.add(path); err != nil {
			return nil, err
		}
		libraries, err := libraries(ctx, path)
		if err != nil {
			return nil, err
		}
		for _, l := range libraries {
			if err := files.add(l); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// add adds a file under the name that it is asked for by, below /usr.
func (r rootfs) add(path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("cannot find %s: %w", path, err)
	}
	r[merged(path)] = target
	return nil
}

// merged returns where a path is on a merged-/usr system.
func merged(path string) string {
	for _, dir := range []string{"/bin/", "/sbin/", "/lib/", "/lib64/"} {
		if strings.HasPrefix(path, dir) {
			return "/usr" + path
		}
	}
	return path
}

// libraries returns the libraries that a program is linked with.
func libraries(ctx context.Context, path string) ([]string, error) {
	output, err := exec.CommandContext(ctx, "ldd", path).CombinedOutput()
	if err != nil && !bytes.Contains(output, []byte("not a dynamic executable")) {
		return nil, fmt.Errorf("cannot list libraries of %s: %w: %s", path, err, output)
	}
	return lddPaths(string(output)), nil
}

// lddPaths returns the paths in what ldd prints, e.g.
// "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f…)".
func lddPaths(output string) []string {
	var paths []string
	for _, m := range regexp.MustCompile(`(/\S+) \(0x`).FindAllStringSubmatch(output, -1) {
		paths = append(paths, m[1])
	}
	return paths
}

// key names the files' content, as far as sizes and times tell it.
func (r rootfs) key() (string, error) {
	hash := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(r)) {
		info, err := os.Stat(r[path])
		if err != nil {
			return "", fmt.Errorf("cannot look at %s: %w", r[path], err)
		}
		_, _ = fmt.Fprintln(hash, path, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// write writes the root file system as a tar.
func (r rootfs) write(file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("cannot make root file system: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	if err := skeleton(w); err != nil {
		return fmt.Errorf("cannot write root file system: %w", err)
	}
	made := map[string]bool{"/usr": true, "/etc": true}
	for _, path := range slices.Sorted(maps.Keys(r)) {
		if err := folders(w, made, filepath.Dir(path)); err != nil {
			return fmt.Errorf("cannot write root file system: %w", err)
		}
		if err := copyFile(w, path, r[path]); err != nil {
			return fmt.Errorf("cannot add %s to root file system: %w", path, err)
		}
	}
	return w.Close()
}

// skeleton writes what a root file system has before its programs.
func skeleton(w *tar.Writer) error {
	headers := []*tar.Header{
		{Name: "usr/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "root/", Typeflag: tar.TypeDir, Mode: 0o700}, {Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "var/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "var/run/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "var/tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, {Name: "home/", Typeflag: tar.TypeDir, Mode: 0o755},
	}
	for _, d := range []string{"dev", "proc", "sys", "run"} {
		headers = append(headers, &tar.Header{Name: d + "/", Typeflag: tar.TypeDir, Mode: 0o755})
	}
	for _, l := range []string{"bin", "sbin", "lib", "lib64"} {
		headers = append(headers, &tar.Header{Name: l, Typeflag: tar.TypeSymlink, Linkname: "usr/" + l, Mode: 0o777})
	}
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"etc/passwd":        "root:x:0:0:root:/root:/bin/bash\nqemu:x:107:107::/:/bin/false\ncdi:x:1001:1001::/:/bin/false\n",
		"etc/group":         "root:x:0:\nqemu:x:107:\ncdi:x:1001:\n",
		"etc/nsswitch.conf": "hosts: files dns\n",
	} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := io.WriteString(w, content); err != nil {
			return err
		}
	}
	return nil
}

func folders(w *tar.Writer, made map[string]bool, dir string) error {
	if dir == "/" || made[dir] {
		return nil
	}
	if err := folders(w, made, filepath.Dir(dir)); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Name: dir[1:] + "/", Typeflag: tar.TypeDir, Mode: 0o755})
}

func copyFile(w *tar.Writer, path, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: path[1:], Typeflag: tar.TypeReg, Mode: int64(info.Mode().Perm()), Size: info.Size()}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
