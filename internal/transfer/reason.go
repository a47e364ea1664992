// SPDX-License-Identifier: Apache-2.0

package transfer

// A Reason says in one typed word why a transfer failed. The set is closed:
// conditions, metrics, documentation and exit codes are keyed by it.
type Reason string

// Terminal reasons: only a change of the request, of the source or of the
// policy can help.
const (
	ReasonInvalidJob           Reason = "InvalidJob"
	ReasonSourceNotFound       Reason = "SourceNotFound"
	ReasonUnauthorized         Reason = "Unauthorized"
	ReasonCertificateUntrusted Reason = "CertificateUntrusted"
	ReasonTooManyRedirects     Reason = "TooManyRedirects"
	ReasonSourceRefused        Reason = "SourceRefused"
	ReasonSourceChanged        Reason = "SourceChanged"
	ReasonSourceTruncated      Reason = "SourceTruncated"
	ReasonChecksumMismatch     Reason = "ChecksumMismatch"
	ReasonFormatRefused        Reason = "FormatRefused"
	ReasonImageCorrupt         Reason = "ImageCorrupt"
	ReasonImageTooComplex      Reason = "ImageTooComplex"
	ReasonTargetTooSmall       Reason = "TargetTooSmall"
	ReasonTargetUnusable       Reason = "TargetUnusable"
	ReasonOutOfSpace           Reason = "OutOfSpace"
	ReasonPolicyDenied         Reason = "PolicyDenied"
	ReasonTargetRefused        Reason = "TargetRefused"
	ReasonTargetChanged        Reason = "TargetChanged"
)

// Retryable reasons: the same request can succeed later.
const (
	ReasonSourceUnavailable Reason = "SourceUnavailable"
	ReasonTargetError       Reason = "TargetError"
	ReasonTargetUnavailable Reason = "TargetUnavailable"
	ReasonDeadlineExceeded  Reason = "DeadlineExceeded"
	ReasonInterrupted       Reason = "Interrupted"
	ReasonUnknown           Reason = "Unknown"
)

// ExitCode values that are not one terminal reason's own.
const (
	ExitDone  = 0
	ExitRetry = 1
	ExitUsage = 2
)

// row is what is known of a reason.
type row struct {
	reason   Reason
	exitCode int // ExitRetry for a retryable reason
	meaning  string
	advice   string
}

// rows is the one table of reasons. Exit codes are part of the contract: a
// number is never given to another reason.
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var rows = []row{
	{ReasonInvalidJob, 10, "the job document is not valid", "Correct the request; the message names the field."},
	{ReasonSourceNotFound, 11, "the source does not exist", "Check the URL or the path: nothing is there."},
	{ReasonUnauthorized, 12, "the server refuses the credentials, or wants some", "Check the Secret that is named for them: its keys, its values, and what they permit."},
	{ReasonCertificateUntrusted, 13, "the server's certificate is not trusted", "Name the authority that signed it in caBundleRef, or correct the host name in the URL."},
	{ReasonTooManyRedirects, 14, "the source redirects in a loop or too often", "Use the URL at the end of the redirects."},
	{ReasonSourceRefused, 15, "the source refuses the request", "The request itself is wrong: read the message, and correct the URL, the headers or the path."},
	{ReasonSourceChanged, 16, "the source changed while it was read", "Wait until nobody writes to the source any more, or name a version that does not change, and run it again."},
	{ReasonSourceTruncated, 17, "the source ends before the image does", "The file at the source is not whole: upload it again."},
	{ReasonChecksumMismatch, 18, "the bytes do not have the checksum that was asked for", "Compare the checksum with the publisher's; if it is right, the file at the source is damaged or is another one. Nothing of it was kept."},
	{ReasonFormatRefused, 19, "the source is not a disk image that can be imported", "Convert it to a self-contained qcow2 or raw image, or correct the URL; the message says what was found."},
	{ReasonImageCorrupt, 20, "the image is damaged or hostile", "Check it with `qemu-img check` and make it anew with `qemu-img convert`."},
	{ReasonImageTooComplex, 21, "the image needs more memory or scratch than the bound", "Make it anew with `qemu-img convert -O qcow2`, or serve it from a server that supports ranges."},
	{ReasonTargetTooSmall, 22, "the disk does not fit the target", "Ask for a larger size; the message says how large."},
	{ReasonTargetUnusable, 23, "the target cannot be written", "Check that the target is a file or a block device that user 107 may write."},
	{ReasonOutOfSpace, 24, "the target's storage is full", "Free or add storage, or ask for a larger volume."},
	{ReasonPolicyDenied, 25, "the operator's policy forbids it", "Use a source that the policy permits, or ask the operator to change the provider's configuration."},
	{ReasonTargetRefused, 26, "the target refuses the artifact", "Read the server's words in the message, and correct the target's name, its credentials' rights or its limits."},
	{ReasonTargetChanged, 27, "another writer uses the same target", "Give each export a name of its own, and run this one again."},

	{ReasonSourceUnavailable, ExitRetry, "the source does not answer, or breaks off", "Nothing to do at first: it is tried again. If it stays, check the server and the network between, or the storage of a disk that is exported."},
	{ReasonTargetError, ExitRetry, "the target's storage reports an error", "It is tried again. If it stays, check the storage and the node's kernel log."},
	{ReasonTargetUnavailable, ExitRetry, "the target does not answer, or breaks off", "Nothing to do at first: it is tried again. If it stays, check the server and the network between."},
	{ReasonDeadlineExceeded, ExitRetry, "the transfer did not end within its deadline", "Raise transfer.deadline, or make the link faster."},
	{ReasonInterrupted, ExitRetry, "the mover was told to stop", "Nothing to do: it is tried again."},
	{ReasonUnknown, ExitRetry, "an error that has no reason of its own", "Read the message; it is tried again."},
}

// Reasons lists every reason, in the order of the exit codes.
func Reasons() []Reason {
	rs := make([]Reason, 0, len(rows))
	for _, r := range rows {
		rs = append(rs, r.reason)
	}
	return rs
}

func (r Reason) row() row {
	for _, e := range rows {
		if e.reason == r {
			return e
		}
	}
	return row{r, ExitRetry, "an error that this version does not know", "Read the message."}
}

// Terminal reports whether only a change of the request, the source or the
// policy can help.
func (r Reason) Terminal() bool { return r.row().exitCode != ExitRetry }

// ExitCode is the mover's exit status for the reason.
func (r Reason) ExitCode() int { return r.row().exitCode }

// Meaning says in half a sentence what the reason stands for.
func (r Reason) Meaning() string { return r.row().meaning }

// Advice says in one sentence what a person can do about it.
func (r Reason) Advice() string { return r.row().advice }

// TerminalExitCodes are the exit codes after which another attempt is of no
// use: those of the terminal reasons, and ExitUsage.
func TerminalExitCodes() []int32 {
	codes := []int32{ExitUsage}
	for _, r := range rows {
		if r.exitCode != ExitRetry {
			codes = append(codes, int32(r.exitCode))
		}
	}
	return codes
}
