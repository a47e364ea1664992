// SPDX-License-Identifier: Apache-2.0

// Package credentials resolves references to Secrets and ConfigMaps into the
// files that a mover reads.
package credentials

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// The names of the files, which the transfer contract fixes.
const (
	FileUsername = "username"
	FilePassword = "password"
	FileToken    = "token"
	FileHeaders  = "headers"
	FileCA       = "ca.crt"

	FileAccessKeyID     = "accessKeyId"
	FileSecretAccessKey = "secretAccessKey"
	FileSessionToken    = "sessionToken"

	FileDockerConfig = ".dockerconfigjson"
)

// A Problem is a reference that does not lead to what it should. Somebody has
// to change the object that it names.
type Problem struct {
	// Reason is one of the reasons of apis/disk/v1alpha1.
	Reason v1alpha1.Reason

	// Message names the object and what to do, never a value.
	Message string
}

// Error implements error.
func (p *Problem) Error() string { return p.Message }

func problem(r v1alpha1.Reason, format string, args ...any) error {
	return &Problem{Reason: r, Message: fmt.Sprintf(format, args...)}
}

// Files are what a mover gets mounted, by file name. They hold secrets.
type Files map[string][]byte

// Credentials reports whether there are credentials among the files.
func (f Files) Credentials() bool { return len(f.Secret()) > 0 }

// Secret returns the names of the files that hold credentials, sorted.
func (f Files) Secret() []string {
	var names []string
	for name, b := range f {
		if name != FileCA && len(b) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// References are what a place refers to for its credentials and its trust.
// Either may be nil.
type References struct {
	Secret   *v1alpha1.SecretReference
	CABundle *v1alpha1.CABundleReference

	// Image that is read or written, of a place that is a registry.
	Image string
}

// HTTP returns the files for a web server, with what the references lead to in
// the given namespace. A missing or malformed Secret or ConfigMap gives a
// Problem.
func HTTP(ctx context.Context, r client.Reader, namespace string, refs References) (Files, error) {
	return read(ctx, r, namespace, refs, Files.addSecret)
}

// S3 returns the files for a bucket, as HTTP does for a web server.
func S3(ctx context.Context, r client.Reader, namespace string, refs References) (Files, error) {
	return read(ctx, r, namespace, refs, Files.addKeys)
}

// Registry returns the files for a registry, as HTTP does for a web server.
func Registry(ctx context.Context, r client.Reader, namespace string, refs References) (Files, error) {
	return read(ctx, r, namespace, refs, func(f Files, s *corev1.Secret) error { return f.addLogin(s, refs.Image) })
}

func read(ctx context.Context, r client.Reader, namespace string, refs References, add func(Files, *corev1.Secret) error) (Files, error) {
	files := Files{}
	if ref := refs.Secret; ref != nil {
		s := &corev1.Secret{}
		if err := get(ctx, r, types.NamespacedName{Namespace: namespace, Name: ref.Name}, s, v1alpha1.ReasonSecretNotFound); err != nil {
			return nil, err
		}
		if err := add(files, s); err != nil {
			return nil, err
		}
	}
	if ref := refs.CABundle; ref != nil {
		m := &corev1.ConfigMap{}
		if err := get(ctx, r, types.NamespacedName{Namespace: namespace, Name: ref.Name}, m, v1alpha1.ReasonConfigMapNotFound); err != nil {
			return nil, err
		}
		if err := files.addCA(m, ref.Key); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func get(ctx context.Context, r client.Reader, key types.NamespacedName, into client.Object, notFound v1alpha1.Reason) error {
	kind := "Secret"
	if notFound == v1alpha1.ReasonConfigMapNotFound {
		kind = "ConfigMap"
	}
	err := r.Get(ctx, key, into)
	if kerrors.IsNotFound(err) {
		return problem(notFound, "%s %q does not exist in namespace %q: create it, or correct the reference to it.", kind, key.Name, key.Namespace)
	}
	return errors.Wrapf(err, "cannot get %s %q", kind, key.Name)
}

// value is that of the first key which has one. It loses the line breaks at
// its end, which editors and `base64` leave there.
func value(s *corev1.Secret, keys ...string) []byte {
	for _, k := range keys {
		if v := strings.TrimRight(string(s.Data[k]), "\r\n"); v != "" {
			return []byte(v)
		}
	}
	return nil
}

// addSecret adds the credentials of a Secret for a web server.
func (f Files) addSecret(s *corev1.Secret) error {
	// accessKeyId and secretKey are CDI's names, so that its Secrets can be used.
	user, password := value(s, "username", "user", "accessKeyId"), value(s, "password", "secretKey")
	token, headers := value(s, "token"), value(s, "headers")

	malformed := func(why string) error {
		return problem(v1alpha1.ReasonSecretMalformed,
			"Secret %q %s: give it username and password, or token, or headers (one \"Name: value\" a line).", s.GetName(), why)
	}
	switch {
	case (user == nil) != (password == nil):
		return malformed("has only one of the keys username and password")
	case user == nil && token == nil && headers == nil:
		return malformed("has none of the keys that are understood")
	case user != nil && token != nil:
		return malformed("has both username and token, which exclude each other")
	case strings.ContainsAny(string(user)+string(password)+string(token), "\r\n"):
		return malformed("has a line break within username, password or token")
	case !headerLines(string(headers)):
		return malformed("has a line in the key headers that is not \"Name: value\"")
	}
	f.set(map[string][]byte{FileUsername: user, FilePassword: password, FileToken: token, FileHeaders: headers})
	return nil
}

// set adds the files that have content.
func (f Files) set(files map[string][]byte) {
	for name, v := range files {
		if v != nil {
			f[name] = v
		}
	}
}

func headerLines(s string) bool {
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		name, _, ok := strings.Cut(line, ":")
		if line != "" && (!ok || name == "" || strings.ContainsAny(name, " \t")) {
			return false
		}
	}
	return true
}

// addCA adds the PEM bundle of a ConfigMap.
func (f Files) addCA(m *corev1.ConfigMap, key string) error {
	if key == "" {
		key = FileCA
	}
	bundle := m.Data[key]
	if bundle == "" {
		bundle = string(m.BinaryData[key])
	}
	if bundle == "" {
		return problem(v1alpha1.ReasonConfigMapMalformed, "ConfigMap %q has no key %q: put the PEM bundle there, or name the key in caBundleRef.key.", m.GetName(), key)
	}
	if !certificates([]byte(bundle)) {
		return problem(v1alpha1.ReasonConfigMapMalformed, "ConfigMap %q does not hold a PEM bundle of certificates in key %q: put the authority's certificate there.", m.GetName(), key)
	}
	f[FileCA] = []byte(bundle)
	return nil
}

// certificates reports whether b holds certificates, and nothing that claims
// to be one and is not.
func certificates(b []byte) bool {
	n := 0
	for {
		var block *pem.Block
		block, b = pem.Decode(b)
		if block == nil {
			return n > 0
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return false
		}
		n++
	}
}
