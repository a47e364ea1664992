// SPDX-License-Identifier: Apache-2.0

// Package diagnosis says why a mover does not run, or has failed: it turns
// what Kubernetes shows of a Job, its pods and its claim into one typed reason
// and one sentence with what to change. It is pure, and shared by every
// controller that runs movers.
package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// silence is how long a mover may say nothing. It reports every
	// transfer.ProgressInterval; the rest is for clocks that differ.
	silence = 2 * time.Minute

	// maxDetail bounds what is quoted of a message of Kubernetes, in bytes.
	maxDetail = 512

	// exitOOMKilled is 128 + SIGKILL, what a container ends with that is
	// killed for its use of memory.
	exitOOMKilled = 137

	reasonOOMKilled = "OOMKilled"
	reasonEvicted   = "Evicted"
)

// A Finding is why something does not go on. A nil Finding is good news.
type Finding struct {
	Reason  v1alpha1.Reason
	Message string
}

func finding(r v1alpha1.Reason, format string, args ...any) *Finding {
	return &Finding{Reason: r, Message: fmt.Sprintf(format, args...)}
}

// Of returns what hinders a mover that has neither succeeded nor failed.
func Of(m moverjob.State, v volume.State, now time.Time) *Finding {
	if f := ofStaging(v); f != nil {
		return f
	}
	p := m.Pod()
	if p == nil {
		return ofJobEvents(m.Events)
	}
	if c := moverjob.Container(p); c != nil && c.State.Running != nil {
		return ofRunning(m, now)
	}
	for _, f := range []*Finding{ofScheduling(p, now), ofWaiting(p), ofPodEvents(m.Events)} {
		if f != nil {
			return f
		}
	}
	return nil
}

// ofStaging returns what hinders the staging claim. A claim that only waits
// for its first consumer has no warnings.
func ofStaging(v volume.State) *Finding {
	switch s := v.Staging; {
	case s == nil:
		return nil
	case s.Status.Phase == corev1.ClaimLost:
		return finding(v1alpha1.ReasonVolumeLost, "The volume of staging claim %q is gone: delete the claim and its mover Job to begin again.", s.GetName())
	}
	return Unprovisioned(v.Events)
}

// Unprovisioned returns why a claim gets no volume, as its events tell.
func Unprovisioned(events []corev1.Event) *Finding {
	if e := newest(events, "ProvisioningFailed", "FailedBinding", "ClaimMisbound"); e != nil {
		return finding(v1alpha1.ReasonVolumePending, "The storage class does not make a volume: %s. Check its provisioner, or name another class in target.storageClassName.", Detail(e.Message))
	}
	return nil
}

func ofJobEvents(es []corev1.Event) *Finding {
	if e := newest(es, "FailedCreate"); e != nil {
		return finding(v1alpha1.ReasonPodRefused, "The cluster refuses the mover's pod: %s. Raise the quota, lower transfer.resources, or correct what the message names.", Detail(e.Message))
	}
	return nil
}

func ofPodEvents(es []corev1.Event) *Finding {
	if e := newest(es, "FailedMount", "FailedAttachVolume", "FailedMapVolume"); e != nil {
		return finding(v1alpha1.ReasonVolumePending, "The node cannot use the volume: %s.", Detail(e.Message))
	}
	return nil
}

func ofRunning(m moverjob.State, now time.Time) *Finding {
	if m.NodeLost != "" {
		return finding(v1alpha1.ReasonNodeLost, "Node %q of the mover does not answer: bring it back, or delete it, so that the mover starts on another.", m.NodeLost)
	}
	if m.Progress != nil && now.Sub(m.Progress.Time) > silence {
		return finding(v1alpha1.ReasonNoProgress, "The mover has not reported for more than %s: check node %q and the mover's log (pod %q).", silence, m.Pod().Spec.NodeName, m.Pod().GetName())
	}
	return nil
}

func ofWaiting(p *corev1.Pod) *Finding {
	c := moverjob.Container(p)
	if c == nil || c.State.Waiting == nil {
		return nil
	}
	w := c.State.Waiting
	switch w.Reason {
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
		return finding(v1alpha1.ReasonImagePullFailed, "The mover's image %q cannot be pulled: correct mover.image or mover.imagePullSecrets of the provider configuration, or the provider's --mover-image.", c.Image)
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError":
		return finding(v1alpha1.ReasonContainerStuck, "The mover's container does not start: %s.", Detail(w.Message))
	}
	return nil
}

// LastAttempt returns how the attempt before the present one ended, or nil if
// there was none.
func LastAttempt(m moverjob.State) *Finding {
	for _, p := range slices.Backward(m.Pods) {
		if f := ofEnded(&p); f != nil {
			return f
		}
	}
	return nil
}

// ofEnded returns why a pod ended without success.
func ofEnded(p *corev1.Pod) *Finding {
	c := moverjob.Container(p)
	switch {
	case p.Status.Reason == reasonEvicted:
		return finding(v1alpha1.ReasonEvicted, "The mover was evicted: %s.", Detail(p.Status.Message))
	case c == nil || c.State.Terminated == nil || c.State.Terminated.ExitCode == transfer.ExitDone:
		return nil
	case c.State.Terminated.Reason == reasonOOMKilled:
		return finding(v1alpha1.ReasonOutOfMemory, "The mover needed more memory than its limit of %s: raise transfer.resources.limits.memory.", memoryLimit(p))
	}
	t := c.State.Terminated
	if r := transfer.ParseLine([]byte(strings.TrimSpace(t.Message))).Result; r != nil && r.Reason != "" {
		return ofResult(r)
	}
	for _, r := range transfer.Reasons() {
		if r.Terminal() && r.ExitCode() == int(t.ExitCode) {
			return finding(v1alpha1.Reason(r), "%s. %s", sentence(r.Meaning()), r.Advice())
		}
	}
	if t.ExitCode == exitOOMKilled {
		return finding(v1alpha1.ReasonMoverCrashed, "The mover was killed: check its node %q.", p.Spec.NodeName)
	}
	return finding(v1alpha1.ReasonMoverCrashed, "The mover ended with exit code %d and said nothing: read the log of pod %q.", t.ExitCode, p.GetName())
}

func ofResult(r *transfer.Result) *Finding {
	return finding(v1alpha1.Reason(r.Reason), "%s. %s", sentence(r.Message), r.Reason.Advice())
}

// Failure returns why a Job that has failed did so.
func Failure(m moverjob.State) *Finding {
	c := m.Condition(batchv1.JobFailed)
	if c == nil {
		return nil
	}
	if c.Reason == batchv1.JobReasonDeadlineExceeded {
		r := transfer.ReasonDeadlineExceeded
		return finding(v1alpha1.ReasonDeadlineExceeded, "%s. %s", sentence(r.Meaning()), r.Advice())
	}
	last := LastAttempt(m)
	if last == nil {
		last = finding(v1alpha1.ReasonRetriesExhausted, "The mover's pods are gone.")
	}
	if transfer.Reason(last.Reason).Terminal() {
		return last
	}
	return finding(last.Reason, "%s It was tried %d times; delete Job %q to try again.", last.Message, m.Job.Status.Failed, m.Job.GetName())
}

// newest returns the newest of the events with one of the reasons.
func newest(es []corev1.Event, reasons ...string) *corev1.Event {
	var n *corev1.Event
	for i := range es {
		if slices.Contains(reasons, es[i].Reason) && (n == nil || n.LastTimestamp.Before(&es[i].LastTimestamp)) {
			n = &es[i]
		}
	}
	return n
}

func memoryLimit(p *corev1.Pod) string {
	for i := range p.Spec.Containers {
		if p.Spec.Containers[i].Name == moverjob.ContainerName {
			return p.Spec.Containers[i].Resources.Limits.Memory().String()
		}
	}
	return "the container"
}

// Detail quotes a message of Kubernetes: one line, bounded, without the full
// stop at its end.
func Detail(s string) string {
	s = strings.TrimRight(strings.Join(strings.Fields(s), " "), ". ")
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return s
}

// sentence begins s with a capital letter and takes the full stop off.
func sentence(s string) string {
	s = Detail(s)
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// Sentence is what an error says, as a sentence for people.
func Sentence(err error) string { return sentence(err.Error()) + "." }
