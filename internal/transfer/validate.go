// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Validate says what is wrong with a job, every error of it at once. The
// error is terminal.
func (j *Job) Validate() error {
	errs := []error{
		j.validateHead(),
		j.validateEnds(),
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
	return nil
}

// validateEnds checks that a job has what its operation reads and makes, and
// nothing else.
func (j *Job) validateEnds() error {
	switch j.Operation {
	case OperationImport:
		if j.Artifact != nil || j.Made != nil {
			return errors.New("artifact: belongs to an export")
		}
		return errors.Join(j.Source.validate(), j.Destination.validate())
	case OperationExport, OperationRemove:
		return j.validateArtifact()
	}
	return fmt.Errorf("operation: %q is none of %s, %s, %s", j.Operation, OperationImport, OperationExport, OperationRemove)
}

func (j *Job) validateArtifact() error {
	switch {
	case j.Destination != Destination{}:
		return errors.New("destination: belongs to an import")
	case j.Artifact == nil:
		return errors.New("artifact: is missing")
	case j.Operation == OperationRemove:
		return j.Artifact.validate()
	case j.Made != nil:
		return fmt.Errorf("made: belongs to %s", OperationRemove)
	case j.Source.File == nil:
		return errors.New("source: an export reads a file or a device, so it wants source.file")
	}
	return errors.Join(j.Source.validate(), j.Artifact.validate())
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
	if l.Connections < 0 || l.BytesPerSecond < 0 || l.Retries != nil && *l.Retries < 0 || l.Deadline < 0 {
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

// ChecksumCRC64NVME is the algorithm of S3's checksum of whole objects. It finds
// damage, but anyone can make other bytes that have the same.
const ChecksumCRC64NVME = "crc64nvme"

// checksumBytes are the algorithms that a checksum can name, and the length of
// each one's sum in bytes.
var checksumBytes = map[string]int{"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16, ChecksumCRC64NVME: 8} //nolint:gochecknoglobals // A constant that Go cannot write as one.

// ParseChecksum splits "algorithm:hex" and returns the algorithm in lower case
// and the sum.
func ParseChecksum(s string) (algorithm string, sum []byte, err error) {
	algorithm, digits, ok := strings.Cut(s, ":")
	algorithm = strings.ToLower(algorithm)
	n := checksumBytes[algorithm]
	if !ok || n == 0 {
		return "", nil, fmt.Errorf("checksum: %q wants the form sha256:…, with sha256, sha512, sha1, md5 or crc64nvme", s)
	}
	sum, err = hex.DecodeString(digits)
	if err != nil || len(sum) != n {
		return "", nil, fmt.Errorf("checksum: a %s sum has %d hexadecimal digits, this one is %q", algorithm, 2*n, digits)
	}
	return algorithm, sum, nil
}
