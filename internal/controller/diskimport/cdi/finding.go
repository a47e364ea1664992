// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// silence is how long CDI may leave a DataVolume as it is made. Its controller
// answers within a second; one that is being rolled out, within a minute.
const silence = 2 * time.Minute

// The reasons that CDI gives in conditions and events.
const (
	runningError         = "Error"
	runningImagePull     = "ImagePullFailed"
	runningUnschedulable = "Unschedulable"
	runningOutOfMemory   = "OOMKilled"
	runningChecksum      = "ChecksumError"

	boundQuota    = "ErrExceededQuota"
	boundNotValid = "ErrClaimNotValid"

	eventSourceInUse = "CloneSourceInUse"
)

// refusals are the reasons of events by which CDI says that it does not begin.
func refusals() []string {
	return []string{
		"CloneValidationFailed", "CloneWithoutSource", "IncompatibleVolumeModes", "ErrIncompatiblePVC",
		"ErrUnableToClone", "ErrResourceExists", "ErrClaimNotValid", "NoPopulator", "ErrStartingPod", "ErrExceededQuota",
	}
}

func finding(r v1alpha1.Reason, format string, args ...any) *diagnosis.Finding {
	return &diagnosis.Finding{Reason: r, Message: fmt.Sprintf(format, args...)}
}

// Of returns what hinders CDI now, or nil. events are the warnings about the
// claim.
func Of(s datavolume.State, events []corev1.Event, now time.Time) *diagnosis.Finding {
	dv := s.DataVolume
	if dv == nil || Moves(s) {
		return nil
	}
	if dv.Status.Phase == cdiv1.PhaseUnset && len(dv.Status.Conditions) == 0 && now.Sub(dv.GetCreationTimestamp().Time) > silence {
		return finding(v1alpha1.ReasonNoProgress, "CDI has not looked at DataVolume %q for more than %s: check the deployment cdi-deployment.", dv.GetName(), silence)
	}
	for _, f := range []*diagnosis.Finding{ofRunning(s), ofBound(s), ofEvents(append(events, s.Events...))} {
		if f != nil {
			return f
		}
	}
	if last := lastWords(s); last != "" {
		return finding(v1alpha1.ReasonCDIFailed, "CDI tries again, %s so far: %s.", times(dv.Status.RestartCount), diagnosis.Detail(last))
	}
	return nil
}

func ofRunning(s datavolume.State) *diagnosis.Finding {
	c := s.Condition(cdiv1.DataVolumeRunning)
	if c.Status == corev1.ConditionTrue {
		return nil
	}
	switch c.Reason {
	case runningImagePull:
		return finding(v1alpha1.ReasonImagePullFailed, "An image of CDI, or that is imported by CDI, cannot be pulled: %s.", diagnosis.Detail(c.Message))
	case runningUnschedulable:
		return finding(v1alpha1.ReasonUnschedulable, "No node takes the pod of CDI: %s. Correct workload of the CDI resource, or add a node.", diagnosis.Detail(c.Message))
	case runningOutOfMemory:
		return finding(v1alpha1.ReasonOutOfMemory, "The pod of CDI needed more memory than its limit: raise podResourceRequirements in the CDI resource's config.")
	}
	return nil
}

func ofBound(s datavolume.State) *diagnosis.Finding {
	c := s.Condition(cdiv1.DataVolumeBound)
	if c.Status == corev1.ConditionTrue {
		return nil
	}
	switch c.Reason {
	case boundQuota:
		return finding(v1alpha1.ReasonQuotaExceeded, "A quota leaves no room for the claim: %s.", diagnosis.Detail(c.Message))
	case boundNotValid:
		return finding(v1alpha1.ReasonVolumePending, "CDI cannot make the claim: %s.", diagnosis.Detail(c.Message))
	}
	return nil
}

func ofEvents(events []corev1.Event) *diagnosis.Finding {
	var last *corev1.Event
	for i := range events {
		e := &events[i]
		known := e.Reason == eventSourceInUse || slices.Contains(refusals(), e.Reason)
		if known && (last == nil || last.LastTimestamp.Before(&e.LastTimestamp)) {
			last = e
		}
	}
	switch {
	case last == nil:
		return nil
	case last.Reason == eventSourceInUse:
		return finding(v1alpha1.ReasonSourceInUse, "CDI waits until nobody uses the source: %s.", diagnosis.Detail(last.Message))
	}
	return finding(v1alpha1.ReasonCDIFailed, "CDI does not begin: %s.", diagnosis.Detail(last.Message))
}

// GivenUp returns why CDI is to be stopped, or nil as long as it may go on.
func GivenUp(s datavolume.State, events []corev1.Event, t v1alpha1.Transfer, now time.Time) *diagnosis.Finding {
	dv := s.DataVolume
	switch {
	case dv == nil || s.Succeeded():
		return nil
	case dv.Status.Phase == cdiv1.Failed:
		return ended(s)
	case dv.Status.RestartCount > workload.Retries(t):
		return finding(v1alpha1.ReasonCDIFailed, "CDI was started again %s: %s. Delete Secret %q to try again.", times(dv.Status.RestartCount), orSilence(lastWords(s)), dv.GetName())
	case now.Sub(dv.GetCreationTimestamp().Time) <= workload.Deadline(t):
		return nil
	}
	r := transfer.ReasonDeadlineExceeded
	f := finding(v1alpha1.ReasonDeadlineExceeded, "CDI did not end within transfer.deadline. %s", r.Advice())
	if last := Of(s, events, now); last != nil {
		f.Message += " Last: " + last.Message
	}
	return f
}

// ended is why a DataVolume has failed for good.
func ended(s datavolume.State) *diagnosis.Finding {
	if s.Condition(cdiv1.DataVolumeRunning).Reason == runningChecksum {
		r := transfer.ReasonChecksumMismatch
		return finding(v1alpha1.Reason(r), "CDI says: %s. %s", orSilence(s.Condition(cdiv1.DataVolumeRunning).Message), r.Advice())
	}
	return finding(v1alpha1.ReasonCDIFailed, "CDI has failed: %s.", orSilence(lastWords(s)))
}

// lastWords is the last error that CDI told, which its condition forgets when
// its pod starts again.
func lastWords(s datavolume.State) string {
	if c := s.Condition(cdiv1.DataVolumeRunning); c.Status != corev1.ConditionTrue && c.Reason == runningError && c.Message != "" {
		return c.Message
	}
	for _, p := range slices.Backward(s.Pods) {
		for _, c := range p.Status.ContainerStatuses {
			for _, t := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
				if t != nil && t.ExitCode != 0 && t.Message != "" {
					return t.Message
				}
			}
		}
	}
	return ""
}

func orSilence(words string) string {
	if words == "" {
		return "it did not say why; read the events of its DataVolume and the log of its pod"
	}
	return diagnosis.Detail(words)
}

func times(n int32) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(int(n)) + " times"
}

// Moves reports whether CDI moves data now.
func Moves(s datavolume.State) bool {
	if s.DataVolume == nil {
		return false
	}
	switch s.DataVolume.Status.Phase {
	case cdiv1.SnapshotForSmartCloneInProgress, cdiv1.CloneFromSnapshotSourceInProgress, cdiv1.SmartClonePVCInProgress,
		cdiv1.CSICloneInProgress, cdiv1.ExpansionInProgress, cdiv1.NamespaceTransferInProgress:
		return true
	}
	return s.Condition(cdiv1.DataVolumeRunning).Status == corev1.ConditionTrue
}

// Percent is how far CDI is, as it says; false when it does not.
func Percent(s datavolume.State) (int32, bool) {
	if s.DataVolume == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(string(s.DataVolume.Status.Progress), "%"), 64)
	if err != nil || f < 0 || f > 100 {
		return 0, false
	}
	if !s.Succeeded() {
		// What it converts and resizes after the last byte is not in it.
		f = min(f, 99)
	}
	return int32(f), true
}
