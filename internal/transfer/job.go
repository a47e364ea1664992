// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// JobVersion is the version of the job document that this package reads and
// writes. A mover refuses any other, so that a provider and a mover of
// different releases never misunderstand each other.
const JobVersion = 1

// maxJobBytes bounds the job document. A Kubernetes Secret cannot hold more.
const maxJobBytes = 1 << 20

// An Operation is what a mover does with a disk.
type Operation string

const (
	// OperationImport brings an image into a disk: Source to Destination.
	OperationImport Operation = "Import"

	// OperationExport makes an artifact of a disk: Source, which is a file or
	// a device, to Artifact.
	OperationExport Operation = "Export"

	// OperationRemove removes what an export made, if it is still what Made
	// says, and whatever uploads to the name of Artifact have left behind.
	// Without Made, only the latter.
	OperationRemove Operation = "Remove"
)

// A Job says what to move. It holds no secret: credentials are named by the
// folder in which they are mounted.
type Job struct {
	// Version is JobVersion.
	Version int `json:"version"`

	// ID identifies the transfer and stays the same across its attempts.
	ID string `json:"id"`

	Operation    Operation    `json:"operation"`
	Source       Source       `json:"source,omitzero"`
	Format       Format       `json:"format,omitempty"`
	Verification Verification `json:"verification,omitzero"`
	Destination  Destination  `json:"destination,omitzero"`
	Artifact     *Artifact    `json:"artifact,omitempty"`

	// Made is the artifact that OperationRemove removes.
	Made *ArtifactFacts `json:"made,omitempty"`

	// ResumeDir is a folder with FileResumeKey, and FileResumeState where an
	// attempt before has told something. Empty: attempts tell each other
	// nothing.
	ResumeDir string `json:"resumeDir,omitempty"`

	Limits Limits `json:"limits,omitzero"`
	Policy Policy `json:"policy,omitzero"`
}

// The files by which the attempts of one transfer tell each other how far they
// came. An attempt tells by Progress.Resume, whose last value whoever starts the
// next one writes into FileResumeState; FileResumeKey seals it and is a secret.
const (
	FileResumeKey   = "resume.key"
	FileResumeState = "resume.state"
)

// A Format is the format of an image file, compression aside.
type Format string

// The formats that a job can name. FormatAuto detects.
const (
	FormatAuto  Format = "Auto"
	FormatRaw   Format = "Raw"
	FormatISO   Format = "ISO"
	FormatQCOW2 Format = "QCOW2"
)

// Formats lists every format that a job can name.
func Formats() []Format {
	return []Format{FormatAuto, FormatRaw, FormatISO, FormatQCOW2}
}

// Verification is what must hold of the source's bytes.
type Verification struct {
	// Checksum of the source file's bytes as they are served, compression
	// included: "sha256:…", "sha512:…", "sha1:…", "md5:…" or "crc64nvme:…", in
	// hexadecimal.
	Checksum string `json:"checksum,omitempty"`
}

// A Destination is the disk that a job fills: a regular file or a block
// device, raw.
type Destination struct {
	Path string `json:"path"`

	// Size of the disk in bytes. Zero: the image's virtual size for a file,
	// the device's size for a device.
	Size int64 `json:"size,omitempty"`

	// UID, GID and Mode of a file. Nil: as the process makes it.
	UID  *int    `json:"uid,omitempty"`
	GID  *int    `json:"gid,omitempty"`
	Mode *uint32 `json:"mode,omitempty"`
}

// Limits bound a transfer. Zero values mean the defaults.
type Limits struct {
	// Connections is the greatest number of connections at once.
	Connections int `json:"connections,omitempty"`

	// BytesPerSecond bounds what is fetched, all connections together.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty"`

	// Retries is how often in a row a request that makes no progress is
	// tried again before the attempt ends; 0 is never. Nil: the default.
	Retries *int `json:"retries,omitempty"`

	// Deadline ends the transfer, whatever its state.
	Deadline Duration `json:"deadline,omitempty"`
}

// Policy is what the operator permits. The mover enforces it at every
// connection, redirects and DNS answers included.
type Policy struct {
	// AllowedHosts are the host names that may be read from; "*.example.com"
	// stands for every name below example.com. Empty: any.
	AllowedHosts []string `json:"allowedHosts,omitempty"`

	// AllowedNetworks are prefixes (CIDR) that may be connected to although
	// they are denied, by DeniedNetworks or by default.
	AllowedNetworks []string `json:"allowedNetworks,omitempty"`

	// DeniedNetworks are prefixes that may not be connected to, beside
	// those that are always denied: loopback, link-local, multicast and
	// unspecified addresses.
	DeniedNetworks []string `json:"deniedNetworks,omitempty"`

	// Unrestricted lifts every rule about networks, the default ones
	// included. The command line sets it: a person at a terminal may read
	// from loopback.
	Unrestricted bool `json:"unrestricted,omitempty"`

	// RefusePlainHTTP refuses sources and redirects that are not https.
	RefusePlainHTTP bool `json:"refusePlainHTTP,omitempty"`

	// RequireChecksum refuses a job whose verification names none, or one
	// that anyone can forge: ChecksumCRC64NVME.
	RequireChecksum bool `json:"requireChecksum,omitempty"`

	// MaxVirtualSize is the largest disk in bytes. Zero: no limit.
	MaxVirtualSize int64 `json:"maxVirtualSize,omitempty"`
}

// A Duration is a time.Duration that is written as in "1h30m".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// ReadJob reads and validates one job document. An unknown field is an error:
// a mover must not ignore what it was asked to do. Every error is terminal.
func ReadJob(r io.Reader) (*Job, error) {
	d := json.NewDecoder(io.LimitReader(r, maxJobBytes))
	d.DisallowUnknownFields()
	j := &Job{}
	if err := d.Decode(j); err != nil {
		return nil, Terminal(ReasonInvalidJob, fmt.Errorf("cannot read job document: %w", err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, Terminal(ReasonInvalidJob, errors.New("cannot read job document: it is followed by more"))
	}
	if err := j.Validate(); err != nil {
		return nil, err
	}
	return j, nil
}
