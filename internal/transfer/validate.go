// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Validate says what is wrong with a job, every error of it at once. The
// error is terminal.
func (j *Job) Validate() error {
	errs := []error{
		j.validateHead(),
		j.Source.validate(),
		j.Destination.validate(),
		j.Limits.validate(),
		j.Policy.validate(),
	}
	if !slices.Contains(Formats(), j.format()) {
		errs = append(errs, fmt.Errorf("format: %q is none of %v", j.Format, Formats()))
	}
	if j.Verification.Checksum != "" {
		_, _, err := ParseChecksum(j.Verification.Checksum)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return Terminal(ReasonInvalidJob, fmt.Errorf("cannot accept job: %w", err))
	}
	return nil
}

func (j *Job) format() Format {
	if j.Format == "" {
		return FormatAuto
	}
	return j.Format
}

func (j *Job) validateHead() error {
	if j.Version != JobVersion {
		return fmt.Errorf("version: is %d, this mover understands %d", j.Version, JobVersion)
	}
	if j.ID == "" {
		return errors.New("id: is missing")
	}
	if j.Operation != OperationImport {
		return fmt.Errorf("operation: %q is not %s", j.Operation, OperationImport)
	}
	return nil
}

func (s Source) validate() error {
	switch {
	case s.HTTP != nil && s.File != nil:
		return errors.New("source: has more than one member, wants exactly one")
	case s.HTTP != nil:
		return s.HTTP.validate()
	case s.File != nil && s.File.Path == "":
		return errors.New("source.file.path: is missing")
	case s.File != nil:
		return nil
	}
	return errors.New("source: has no member, wants exactly one of http, file")
}

func (s *HTTPSource) validate() error {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil:
		// The parse error repeats the URL, which may hold a password.
		return errors.New("source.http.url: is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("source.http.url: scheme %q is neither http nor https", u.Scheme)
	case u.Host == "":
		return errors.New("source.http.url: has no host")
	case u.User != nil:
		return errors.New("source.http.url: holds user information; put it into a Secret instead")
	}
	return nil
}

func (d Destination) validate() error {
	if d.Path == "" {
		return errors.New("destination.path: is missing")
	}
	if d.Size < 0 {
		return fmt.Errorf("destination.size: is %d, wants bytes", d.Size)
	}
	return nil
}

func (l Limits) validate() error {
	if l.Connections < 0 || l.BytesPerSecond < 0 || l.Retries < 0 || l.Deadline < 0 {
		return errors.New("limits: none of them may be negative")
	}
	return nil
}

func (p Policy) validate() error {
	var errs []error
	for _, n := range slices.Concat(p.AllowedNetworks, p.DeniedNetworks) {
		if _, err := netip.ParsePrefix(n); err != nil {
			errs = append(errs, fmt.Errorf("policy: %q is not a network such as 10.0.0.0/8", n))
		}
	}
	return errors.Join(errs...)
}

// checksumBytes are the algorithms that a checksum can name, and the length of
// each one's sum in bytes.
var checksumBytes = map[string]int{"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16} //nolint:gochecknoglobals // A constant that Go cannot write as one.

// ParseChecksum splits "algorithm:hex" and returns the algorithm in lower case
// and the sum.
func ParseChecksum(s string) (algorithm string, sum []byte, err error) {
	algorithm, digits, ok := strings.Cut(s, ":")
	algorithm = strings.ToLower(algorithm)
	n := checksumBytes[algorithm]
	if !ok || n == 0 {
		return "", nil, fmt.Errorf("checksum: %q wants the form sha256:…, with sha256, sha512, sha1 or md5", s)
	}
	sum, err = hex.DecodeString(digits)
	if err != nil || len(sum) != n {
		return "", nil, fmt.Errorf("checksum: a %s sum has %d hexadecimal digits, this one is %q", algorithm, 2*n, digits)
	}
	return algorithm, sum, nil
}
