// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// A contract is what the manifests of the contract name and do not bring. The
// hosts that they name lead to the cluster's own servers, so nothing is replaced
// in them.
type contract struct {
	web, cloud, server image // files of web servers
	registry, noble    image // images of a registry
	flat, nested, seed image // objects of an S3 server
	golden, pointed    image // claims of namespace default

	shared namespace // namespace default
}

// newContract puts everything in its place. Every disk is another one, and
// another one in the next run, so that nothing that was left behind is taken for
// what is to be made.
func newContract(t *testing.T) contract {
	t.Helper()
	s := contract{shared: namespace{cluster: installed(t), name: metav1.NamespaceDefault}}
	s.web = served(t, "image.qcow2")
	s.cloud = served(t, "releases/22.04/release/ubuntu-22.04-server-cloudimg-amd64.img")
	s.server = served(t, "ubuntu-22.04.img")
	for bucket, keys := range map[string][]string{"images": nil, "vm-images": nil, "backups": {"vm-backup.qcow2", "everything/seed.qcow2"}} {
		emptied := ownBucket(t, bucket)
		for _, key := range keys {
			emptied(key)
		}
	}
	everybodyWrites(t, "backups")
	s.flat = stored(t, "images", "ubuntu.qcow2")
	s.nested = stored(t, "vm-images", "custom-os.qcow2")
	s.seed = stored(t, "vm-images", "seed.raw.zst")
	s.registry = pushed(t, "vms/ubuntu:22.04")
	s.noble = pushed(t, "vms/ubuntu-noble:latest")
	shelf := newShelf(t)
	s.golden = s.claimed(t, shelf, "golden-image")
	s.pointed = s.claimed(t, shelf, "ubuntu-golden")
	return s
}

// smallDisk makes a raw disk like no other, in a folder.
func smallDisk(t *testing.T) string {
	t.Helper()
	files, raw := t.TempDir(), filepath.Join(t.TempDir(), "disk.raw")
	random := make([]byte, 2<<20)
	if _, err := rand.Read(random); err != nil {
		t.Fatalf("cannot make random bytes: %v", err)
	}
	if err := os.WriteFile(filepath.Join(files, "random"), random, 0o600); err != nil {
		t.Fatalf("cannot write file: %v", err)
	}
	run(t, "mkfs.ext4", "-q", "-F", "-d", files, raw, "8m")
	return raw
}

// packed makes an image of a disk in a folder; how is in its name.
func packed(t *testing.T, raw, folder, name string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if strings.HasSuffix(name, ".raw.zst") {
		run(t, "zstd", "-q", "-1", raw, "-o", path)
	} else {
		run(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path)
	}
	return path
}

// served puts an image onto the web servers.
func served(t *testing.T, path string) image {
	t.Helper()
	root, i := setting(t, "WUKONG_WWW"), image{path: path, raw: smallDisk(t)}
	top, _, _ := strings.Cut(path, "/")
	t.Cleanup(func() { os.RemoveAll(filepath.Join(root, top)) })
	folder := filepath.Join(root, filepath.Dir(path))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatalf("cannot make folder: %v", err)
	}
	at := packed(t, i.raw, folder, filepath.Base(path))
	if err := os.Chmod(at, 0o644); err != nil {
		t.Fatalf("cannot show image to the web server: %v", err)
	}
	return i
}

// ownBucket makes a bucket unless it is there, and returns what takes an object
// out of it.
func ownBucket(t *testing.T, name string) func(key string) {
	t.Helper()
	_, err := store(t).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	if owned, exists := (*types.BucketAlreadyOwnedByYou)(nil), (*types.BucketAlreadyExists)(nil); err != nil && !errors.As(err, &owned) && !errors.As(err, &exists) {
		t.Fatalf("cannot make bucket: %v", err)
	}
	return func(key string) {
		t.Helper()
		if _, err := store(t).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: &key}); err != nil {
			t.Fatalf("cannot delete object: %v", err)
		}
	}
}

// everybodyWrites lets everybody write into a bucket: one of the manifests names
// no credentials.
func everybodyWrites(t *testing.T, bucket string) {
	t.Helper()
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::%[1]s", "arn:aws:s3:::%[1]s/*"]}]}`, bucket)
	if _, err := store(t).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &bucket, Policy: &policy}); err != nil {
		t.Fatalf("cannot open bucket: %v", err)
	}
}

// stored puts an image into a bucket.
func stored(t *testing.T, bucket, key string) image {
	t.Helper()
	i := image{path: bucket + "/" + key, raw: smallDisk(t)}
	object, err := os.Open(packed(t, i.raw, t.TempDir(), key))
	if err != nil {
		t.Fatalf("cannot open image: %v", err)
	}
	defer object.Close()
	if _, err := store(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: object}); err != nil {
		t.Fatalf("cannot put object: %v", err)
	}
	return i
}

// pushed puts a containerDisk into the registry.
func pushed(t *testing.T, ref string) image {
	t.Helper()
	i, host := image{path: ref, raw: smallDisk(t)}, setting(t, "WUKONG_REGISTRY")
	run(t, "mkimg", "-ref", host+"/"+ref, "-add", packed(t, i.raw, t.TempDir(), "disk.qcow2")+":/disk/disk.qcow2", "-push", host)
	return i
}

// claimed makes a golden claim in namespace default, smaller than the disks that
// are cloned from it.
func (s contract) claimed(t *testing.T, f shelf, name string) image {
	t.Helper()
	raw := smallDisk(t)
	i := f.qcow2(t, raw, name+".qcow2", "-c")
	s.shared.remove(t.Context(), t, &diskv1alpha1.DiskImport{ObjectMeta: s.shared.meta(name)})
	d := s.shared.diskImport(t, name, i.url(), ofSize(1<<30))
	t.Cleanup(func() { s.shared.remove(context.WithoutCancel(t.Context()), t, d) })
	s.shared.done(t, d)
	return i
}

// permit lets a namespace clone the golden claims, as the guide has it.
func (s contract) permit(t *testing.T, to string) {
	t.Helper()
	name := "clone-" + to
	role := &rbacv1.Role{ObjectMeta: s.shared.meta(name), Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"cdi.kubevirt.io"}, Resources: []string{"datavolumes/source"},
		ResourceNames: []string{"golden-image", "ubuntu-golden"}, Verbs: []string{"create"},
	}}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: s.shared.meta(name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: to, Name: "default"}},
	}
	s.shared.make(t, role)
	s.shared.make(t, binding)
	t.Cleanup(func() {
		s.shared.remove(context.WithoutCancel(t.Context()), t, binding)
		s.shared.remove(context.WithoutCancel(t.Context()), t, role)
	})
}

// beforeContract makes what the manifests name in their own namespace.
func (n namespace) beforeContract(t *testing.T) {
	t.Helper()
	n.secret(t, "s3-credentials", map[string]string{"accessKeyId": setting(t, "WUKONG_S3_ACCESS_KEY"), "secretAccessKey": setting(t, "WUKONG_S3_SECRET_KEY")})
	n.secret(t, "registry-credentials", map[string]string{"username": "wukong", "password": "secret"})
	n.secret(t, "ssh-keys", map[string]string{"ops": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0 ops"})
	n.make(t, n.parsed(t, strings.ReplaceAll(kubevirtNetwork, "name: lan", "name: storage-net")))
}

// imageInfo is what qemu-img says of an image.
type imageInfo struct {
	Format      string `json:"format"`
	VirtualSize int64  `json:"virtual-size"`
}

// infoOf asks qemu-img about a qcow2 image.
func infoOf(t *testing.T, path string) imageInfo {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "qemu-img", "info", "--output=json", path).Output()
	if err != nil {
		t.Fatalf("cannot ask qemu-img about %s: %v", path, err)
	}
	i := imageInfo{}
	if err := json.Unmarshal(out, &i); err != nil {
		t.Fatalf("cannot read what qemu-img says: %v", err)
	}
	return i
}
