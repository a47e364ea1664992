// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/novasphere/provider-wukong/internal/transfer"

// commandLine is the ID of jobs that a person's flags make.
const commandLine = "command-line"

// advice is what a person at a command line can do about a failure. A reason's own
// advice is for the fields of a resource, whose Job tries again by itself.
func advice(r transfer.Reason) string {
	switch r { //nolint:exhaustive // The others' own advice is right here too.
	case transfer.ReasonInterrupted:
		return "Run the same command again when you like: what it can go on from, it does not move twice."
	case transfer.ReasonUnauthorized:
		return "Give credentials as --help says for this kind of place, or check those that were given: their values, and what they permit."
	case transfer.ReasonCertificateUntrusted:
		return "Name the authority that signed it with --ca-file, or correct the host name in the URL."
	case transfer.ReasonTargetUnusable:
		return "Name a file or a block device that you may write, and that is not in use; --force replaces a file."
	case transfer.ReasonTargetTooSmall:
		return "Use a larger device, or a larger --size; the message says how large."
	case transfer.ReasonOutOfSpace:
		return "Make room where the target is, or name one elsewhere."
	case transfer.ReasonPolicyDenied:
		return "Use another image, or raise --max-virtual-size."
	case transfer.ReasonDeadlineExceeded:
		return "Raise --deadline, or make the link faster."
	case transfer.ReasonSourceUnavailable:
		return "Run the same command again. If it fails again, check the server and the network between, or the storage that is read."
	case transfer.ReasonTargetUnavailable:
		return "Run the same command again. If it fails again, check the server and the network between."
	case transfer.ReasonTargetError:
		return "Run the same command again. If it fails again, check the storage and the kernel's log."
	case transfer.ReasonUnknown:
		return "Read the message, and run the same command again."
	}
	return r.Advice()
}

// byHand gives a failed result the advice for a person.
func byHand(r transfer.Result) transfer.Result {
	if !r.Succeeded() {
		r.Advice = advice(r.Reason)
	}
	return r
}
