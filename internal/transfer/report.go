// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"encoding/json"
	"time"
)

const (
	// ProgressInterval is the longest time between two progress lines.
	ProgressInterval = 2 * time.Second

	// MaxResultBytes is the size of a container's termination message.
	MaxResultBytes = 4096

	// MaxResumeBytes bounds Progress.Resume, so that it fits into a result, and
	// many lines into what is read of a log.
	MaxResumeBytes = 2048

	// maxMessageBytes and maxNoteBytes keep a result within MaxResultBytes,
	// whatever a server wrote into its error, and whoever named files.
	maxMessageBytes = 1024
	maxNoteBytes    = 768
)

// The types of the lines on a mover's standard output.
const (
	LineProgress = "progress"
	LineResult   = "result"
)

// Progress is one line that says how far a transfer is.
type Progress struct {
	Type string    `json:"type"` // LineProgress
	ID   string    `json:"id,omitempty"`
	Time time.Time `json:"time"`

	// Percent of the work that is done, 0 to 100; 100 only when every byte
	// is durable. It counts source bytes where their number is known.
	Percent int `json:"percent"`

	// TransferredBytes were read from the source, of TotalBytes; TotalBytes
	// is 0 where the source does not say.
	TransferredBytes int64 `json:"transferredBytes"`
	TotalBytes       int64 `json:"totalBytes,omitempty"`

	// WrittenBytes were written to the disk; holes do not count.
	WrittenBytes int64 `json:"writtenBytes"`

	// BytesPerSecond of the source over the last seconds.
	BytesPerSecond int64 `json:"bytesPerSecond"`

	// ETASeconds is the time left; nil when it cannot be told.
	ETASeconds *int64 `json:"etaSeconds,omitempty"`

	// Connections that are open now.
	Connections int `json:"connections,omitempty"`

	// Retries is how often a request had to be made again.
	Retries int `json:"retries,omitempty"`

	// ResumedBytes were durable before this attempt began.
	ResumedBytes int64 `json:"resumedBytes,omitempty"`

	// Resume is what the next attempt has to know to go on where this one
	// ends: sealed, so that it tells nothing to anybody else.
	Resume string `json:"resume,omitempty"`

	// Note says, for people, what is unusual about the attempt.
	Note string `json:"note,omitempty"`
}

// SourceFacts is what the mover learned of a source.
type SourceFacts struct {
	// Digest of the source file's bytes, "sha256:…".
	Digest string `json:"digest,omitempty"`

	// ETag or other validator to which every read was pinned.
	ETag string `json:"etag,omitempty"`

	// Size of the source file in bytes.
	Size int64 `json:"size,omitempty"`

	// Format that was found, and the compression around it ("", "gzip",
	// "xz", "zstd").
	Format      Format `json:"format,omitempty"`
	Compression string `json:"compression,omitempty"`

	// VirtualSize of the disk in the image, in bytes.
	VirtualSize int64 `json:"virtualSize,omitempty"`
}

// Result is how a transfer ended.
type Result struct {
	Type string `json:"type"` // LineResult
	ID   string `json:"id,omitempty"`

	// Reason why it failed; empty when it succeeded.
	Reason Reason `json:"reason,omitempty"`

	// Message says what failed, and Advice what can be done about it.
	Message string `json:"message,omitempty"`
	Advice  string `json:"advice,omitempty"`

	Source SourceFacts `json:"source,omitzero"`

	// Checksum that was asked for and found to hold.
	Checksum string `json:"checksum,omitempty"`

	// FetchedBytes crossed the wire, tables and repeated bytes included.
	FetchedBytes int64 `json:"fetchedBytes"`

	// WrittenBytes were written to the disk, and ScratchBytes beside it.
	WrittenBytes int64 `json:"writtenBytes"`
	ScratchBytes int64 `json:"scratchBytes"`

	// Artifact that an export made.
	Artifact ArtifactFacts `json:"artifact,omitzero"`

	// ReusedBytes of the artifact were at its place already, from an attempt
	// before or an export of the same disk, and were not sent again.
	ReusedBytes int64 `json:"reusedBytes,omitempty"`

	// Resume is that of the last Progress, of an attempt that has failed.
	Resume string `json:"resume,omitempty"`

	// Note says, for people, what was unusual, as the last Progress did. A result
	// with Resume has none.
	Note string `json:"note,omitempty"`

	// DiskSize is the size of the finished disk in bytes.
	DiskSize int64 `json:"diskSize,omitempty"`

	Seconds float64 `json:"seconds"`

	// Attempts is one, and one more for each request made again.
	Attempts int `json:"attempts"`
}

// Succeeded reports whether the disk is whole, verified and durable.
func (r Result) Succeeded() bool { return r.Reason == "" }

// ExitCode is the mover's exit status for the result.
func (r Result) ExitCode() int {
	if r.Succeeded() {
		return ExitDone
	}
	return r.Reason.ExitCode()
}

// Failed returns the result with the reason, message and advice of err.
func (r Result) Failed(err error) Result {
	r.Reason = ReasonOf(err)
	r.Message = truncate(err.Error(), maxMessageBytes)
	r.Advice = r.Reason.Advice()
	return r
}

// Noted returns the result with a note, which is cut where it is too long.
func (r Result) Noted(note string) Result {
	if r.Resume == "" {
		r.Note = truncate(note, maxNoteBytes)
	}
	return r
}

// Line is a progress line or the result line of a mover's output.
type Line struct {
	Progress *Progress
	Result   *Result
}

// ParseLine reads one line of a mover's standard output. A line that is
// neither progress nor result gives an empty Line: logs may be mixed in.
func ParseLine(b []byte) Line {
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(b, &head) != nil {
		return Line{}
	}
	switch head.Type {
	case LineProgress:
		p := &Progress{}
		if json.Unmarshal(b, p) == nil {
			return Line{Progress: p}
		}
	case LineResult:
		r := &Result{}
		if json.Unmarshal(b, r) == nil {
			return Line{Result: r}
		}
	}
	return Line{}
}

// truncate cuts s to at most n bytes, at a rune's edge.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const ellipsis = "…"
	cut := n - len(ellipsis)
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + ellipsis
}
