// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A member is one alternative of a union.
type member struct {
	name     string
	set      bool
	validate func(path string) error
}

// validateUnion checks that exactly one member is set, and that one.
func validateUnion(path string, members []member) error {
	var names []string
	var found []member
	for _, m := range members {
		names = append(names, m.name)
		if m.set {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("%s: has %d members, wants exactly one of %s", path, len(found), strings.Join(names, ", "))
	}
	return found[0].validate(path + "." + found[0].name)
}

func (s Source) validate() error {
	return validateUnion("source", []member{
		{"http", s.HTTP != nil, s.HTTP.validate},
		{"s3", s.S3 != nil, s.S3.validate},
		{"registry", s.Registry != nil, s.Registry.validate},
		{"file", s.File != nil, s.File.validate},
	})
}

func (a *Artifact) validate() error {
	errs := []error{validateUnion("artifact", []member{
		{"s3", a.S3 != nil, a.S3.validate},
		{"registry", a.Registry != nil, a.Registry.validate},
		{"http", a.HTTP != nil, a.HTTP.validate},
		{"file", a.File != nil, a.File.validate},
	})}
	algorithms := a.Format.Algorithms()
	switch c := a.Compression; {
	case algorithms == nil:
		errs = append(errs, fmt.Errorf("artifact.format: %q is none of %v", a.Format, ArtifactFormats()))
	case c.Algorithm != "" && !slices.Contains(algorithms, c.Algorithm):
		errs = append(errs, fmt.Errorf("artifact.compression.algorithm: %s can be one of %v, not %q", a.Format, algorithms, c.Algorithm))
	case c.Level < 0 || c.Level > c.maxLevel():
		errs = append(errs, fmt.Errorf("artifact.compression.level: is %d, wants 1 to %d, or 0 for the default", c.Level, c.maxLevel()))
	}
	if a.Registry != nil && a.Format != ArtifactOCI {
		errs = append(errs, fmt.Errorf("artifact.format: a registry takes %s, not %q", ArtifactOCI, a.Format))
	}
	if a.Registry == nil && a.Format == ArtifactOCI {
		errs = append(errs, fmt.Errorf("artifact.format: %s goes to a registry only", ArtifactOCI))
	}
	if a.Earlier != nil && a.Registry == nil {
		errs = append(errs, errors.New("artifact.earlier: is for an artifact in a registry only"))
	}
	return errors.Join(errs...)
}

func (c Compression) maxLevel() int {
	if c.Algorithm == CompressionZlib || c.Algorithm == CompressionGzip {
		return 9
	}
	return 19
}

func (s *HTTPSource) validate(path string) error { return validateURL(path+".url", s.URL) }

func validateURL(path, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		// The parse error repeats the URL, which may hold a password.
		return fmt.Errorf("%s: is not a URL", path)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%s: scheme %q is neither http nor https", path, u.Scheme)
	case u.Host == "":
		return fmt.Errorf("%s: has no host", path)
	case u.User != nil:
		return fmt.Errorf("%s: holds user information; put it into a Secret instead", path)
	}
	return nil
}

func (u *HTTPUpload) validate(path string) error {
	if !slices.Contains([]string{"", http.MethodPut, http.MethodPost}, u.Method) {
		return fmt.Errorf("%s.method: %q is neither PUT nor POST", path, u.Method)
	}
	return u.HTTPSource.validate(path)
}

func (s *FileSource) validate(path string) error {
	if s.Path == "" {
		return fmt.Errorf("%s.path: is missing", path)
	}
	return nil
}

func (t *FileTarget) validate(path string) error {
	if t.Path == "" {
		return fmt.Errorf("%s.path: is missing", path)
	}
	return nil
}

func (o *S3Object) validate(path string) error {
	var errs []error
	if o.Bucket == "" {
		errs = append(errs, fmt.Errorf("%s.bucket: is missing", path))
	}
	if o.Key == "" {
		errs = append(errs, fmt.Errorf("%s.key: is missing", path))
	}
	if o.Endpoint != "" {
		errs = append(errs, validateURL(path+".endpoint", o.Endpoint))
	}
	return errors.Join(errs...)
}

func (r *RegistryImage) validate(path string) error {
	switch {
	case r.Image == "":
		return fmt.Errorf("%s.image: is missing", path)
	case strings.Contains(r.Image, "://"):
		return fmt.Errorf("%s.image: %q has a scheme; write registry.example.com/name:tag", path, r.Image)
	}
	return nil
}
