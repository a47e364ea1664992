// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestSkopeo copies containerDisks with skopeo, which compares every blob with
// its digest, and takes the disk out with tar.
func TestSkopeo(t *testing.T) {
	r := distribution.Start(t)
	from := disks(t)["mixed"]
	for _, a := range []transfer.Algorithm{transfer.CompressionZstd, transfer.CompressionGzip, transfer.CompressionNone} {
		t.Run(string(a), func(t *testing.T) {
			tag := strings.ToLower(string(a))
			j := exportJob(from, "", transfer.ArtifactOCI, a)
			j.Artifact.File = nil
			j.Artifact.Registry = &transfer.RegistryImage{Image: r.Host + "/vm:" + tag, PlainHTTP: true}
			if out := run(t, j); !out.Succeeded() {
				t.Fatalf("export: %s: %s", out.Reason, out.Message)
			}
			folder := t.TempDir()
			command(t, "skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", "docker://"+r.Host+"/vm:"+tag, "dir:"+folder)
			layer := onlyLayer(t, folder)

			// tar finds out how the layer is packed.
			list, err := exec.CommandContext(t.Context(), "tar", "--numeric-owner", "-tvf", layer).Output()
			if err != nil {
				t.Fatalf("tar: %v", err)
			}
			if !strings.Contains(string(list), "107/107") || strings.Contains(string(list), "0/0") || strings.Count(string(list), "disk/disk.qcow2") != 1 {
				t.Errorf("the layer holds\n%swant one disk/disk.qcow2 of 107:107", list)
			}
			command(t, "tar", "-C", folder, "-xf", layer)
			qcow2, raw := filepath.Join(folder, "disk", "disk.qcow2"), filepath.Join(folder, "raw")
			command(t, "qemu-img", "check", "-q", "-f", "qcow2", qcow2)
			command(t, "qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", from, qcow2)
			command(t, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", qcow2, raw)
			command(t, "cmp", "-n", fmt.Sprint(size(t, from)), from, raw) // Its last sector is whole.
		})
	}
}

// onlyLayer is the file of an image's layer in a folder that skopeo made.
func onlyLayer(t *testing.T, folder string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	m := struct {
		Layers []struct {
			Digest string `json:"digest"`
		} `json:"layers"`
	}{}
	if err := json.Unmarshal(b, &m); err != nil || len(m.Layers) != 1 {
		t.Fatalf("the manifest has %d layers: %v", len(m.Layers), err)
	}
	return filepath.Join(folder, strings.TrimPrefix(m.Layers[0].Digest, "sha256:"))
}
