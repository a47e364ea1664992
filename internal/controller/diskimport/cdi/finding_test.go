// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// state is a DataVolume that was made a minute ago.
func state(phase cdiv1.DataVolumePhase, conditions ...cdiv1.DataVolumeCondition) datavolume.State {
	return datavolume.State{DataVolume: &cdiv1.DataVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "ubuntu-01234567", CreationTimestamp: metav1.NewTime(now().Add(-time.Minute))},
		Status:     cdiv1.DataVolumeStatus{Phase: phase, Conditions: conditions},
	}}
}

func is(t cdiv1.DataVolumeConditionType, s corev1.ConditionStatus, reason, message string) cdiv1.DataVolumeCondition {
	return cdiv1.DataVolumeCondition{Type: t, Status: s, Reason: reason, Message: message}
}

func event(reason, message string, at time.Duration) corev1.Event {
	return corev1.Event{Reason: reason, Message: message, LastTimestamp: metav1.NewTime(now().Add(at))}
}

// restarted is a DataVolume whose pod was started again and is silent now: the
// words of the condition are gone, those of the pod are not.
func restarted(n int32) datavolume.State {
	s := state(cdiv1.ImportInProgress, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "ContainerCreating", ""))
	s.DataVolume.Status.RestartCount = n
	s.Pods = []corev1.Pod{{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 1, Message: "Unable to process data: expected status code 200, got 404. Status: 404 Not Found",
		}},
	}}}}}
	return s
}

// old is a DataVolume that was made long ago.
func old(s datavolume.State, age time.Duration) datavolume.State {
	s.DataVolume.CreationTimestamp = metav1.NewTime(now().Add(-age))
	return s
}

// TestFindings reads conditions as CDI v1.65 writes them.
func TestFindings(t *testing.T) {
	const notFound = "Unable to connect to http data source: expected status code 200, got 404. Status: 404 Not Found"
	bound, unbound := is(cdiv1.DataVolumeBound, corev1.ConditionTrue, "Bound", "PVC ubuntu Bound"), is(cdiv1.DataVolumeBound, corev1.ConditionFalse, "Pending", "PVC ubuntu Pending")
	cases := map[string]struct {
		reason  string
		state   datavolume.State
		events  []corev1.Event
		trouble v1alpha1.Reason
		given   v1alpha1.Reason
		says    string
	}{
		"New":             {"CDI has not looked yet.", state(""), nil, "", "", ""},
		"NobodyLooks":     {"CDI does not run.", old(state(""), time.Hour), nil, v1alpha1.ReasonNoProgress, "", "cdi-deployment"},
		"Population":      {"A claim that waits to be populated is on its way.", state(cdiv1.PendingPopulation, unbound), nil, "", "", ""},
		"Consumer":        {"So is one that waits for a consumer.", state(cdiv1.WaitForFirstConsumer, unbound), nil, "", "", ""},
		"Scheduled":       {"A pod that starts is no failure.", state(cdiv1.ImportScheduled, bound, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "ContainerCreating", "")), nil, "", "", ""},
		"Scratch":         {"That scratch space is wanted is how CDI begins.", state(cdiv1.ImportScheduled, bound, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "Scratch space required", "scratch space required and none found")), nil, "", "", ""},
		"Running":         {"A pod that runs is good news.", state(cdiv1.ImportInProgress, bound, is(cdiv1.DataVolumeRunning, corev1.ConditionTrue, "Pod is running", "")), []corev1.Event{event("CloneSourceInUse", "before", -time.Hour)}, "", "", ""},
		"Error":           {"CDI's words are ours.", state(cdiv1.ImportInProgress, bound, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "Error", notFound)), nil, v1alpha1.ReasonCDIFailed, "", "got 404"},
		"Restarted":       {"Words that are gone from the condition stand with the pod.", restarted(2), nil, v1alpha1.ReasonCDIFailed, "", "2 times so far: Unable to process data: expected status code 200, got 404"},
		"Exhausted":       {"What was tried often enough is given up.", restarted(6), nil, v1alpha1.ReasonCDIFailed, v1alpha1.ReasonCDIFailed, "6 times: Unable"},
		"Image":           {"An image that is not there is named.", state(cdiv1.ImportScheduled, bound, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "ImagePullFailed", "docker://h/x: not found")), nil, v1alpha1.ReasonImagePullFailed, "", "docker://h/x"},
		"Unschedulable":   {"A pod without a node is named.", state(cdiv1.ImportScheduled, bound, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "Unschedulable", "Importer pod cannot be scheduled")), nil, v1alpha1.ReasonUnschedulable, "", "No node"},
		"Memory":          {"A pod that is too small is named.", state(cdiv1.ImportInProgress, bound, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "OOMKilled", "")), nil, v1alpha1.ReasonOutOfMemory, "", "podResourceRequirements"},
		"Quota":           {"A quota is named.", state(cdiv1.Pending, is(cdiv1.DataVolumeBound, corev1.ConditionFalse, "ErrExceededQuota", "exceeded quota: q")), nil, v1alpha1.ReasonQuotaExceeded, "", "exceeded quota"},
		"Class":           {"A class that does not do is named.", state("", is(cdiv1.DataVolumeBound, corev1.ConditionFalse, "ErrClaimNotValid", "no accessMode defined")), nil, v1alpha1.ReasonVolumePending, "", "no accessMode"},
		"InUse":           {"A source in use is waited for.", state(cdiv1.CloneScheduled, unbound), []corev1.Event{event("CloneSourceInUse", "pod vms/vm using PersistentVolumeClaim golden", 0)}, v1alpha1.ReasonSourceInUse, "", "pod vms/vm"},
		"Refused":         {"The newest of what CDI refuses counts.", state(cdiv1.CloneScheduled, unbound), []corev1.Event{event("CloneSourceInUse", "x", -time.Hour), event("CloneValidationFailed", "target is smaller", 0)}, v1alpha1.ReasonCDIFailed, "", "target is smaller"},
		"Checksum":        {"A mismatch fails at once.", state(cdiv1.Failed, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "ChecksumError", "checksum mismatch")), nil, "", "ChecksumMismatch", "checksum mismatch"},
		"Lost":            {"A claim that is lost is the end.", state(cdiv1.Failed, is(cdiv1.DataVolumeBound, corev1.ConditionFalse, "ClaimLost", "Claim Lost")), nil, "", v1alpha1.ReasonCDIFailed, "CDI has failed"},
		"Deadline":        {"What takes too long is given up with its last words.", old(state(cdiv1.ImportInProgress, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "Error", notFound)), 25*time.Hour), nil, v1alpha1.ReasonCDIFailed, v1alpha1.ReasonDeadlineExceeded, "got 404"},
		"Smart":           {"A clone by the storage has no pod.", state(cdiv1.CSICloneInProgress), nil, "", "", ""},
		"Succeeded":       {"The end is the end.", old(state(cdiv1.Succeeded, is(cdiv1.DataVolumeRunning, corev1.ConditionFalse, "Completed", "Import Complete")), 48*time.Hour), nil, "", "", ""},
		"SucceededBefore": {"What failed on the way does not matter then.", func() datavolume.State { s := restarted(9); s.DataVolume.Status.Phase = cdiv1.Succeeded; return s }(), nil, v1alpha1.ReasonCDIFailed, "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			trouble, given := Of(tc.state, tc.events, now()), GivenUp(tc.state, tc.events, v1alpha1.Transfer{}, now())
			if got := reasonOf(trouble); got != tc.trouble {
				t.Errorf("%s\nOf: want %q, got %+v", tc.reason, tc.trouble, trouble)
			}
			if got := reasonOf(given); got != tc.given {
				t.Errorf("%s\nGivenUp: want %q, got %+v", tc.reason, tc.given, given)
			}
			if given == nil {
				given = trouble
			}
			if given != nil && !strings.Contains(given.Message, tc.says) {
				t.Errorf("%s\nit says %q, want %q in it", tc.reason, given.Message, tc.says)
			}
		})
	}
}

func reasonOf(f *diagnosis.Finding) v1alpha1.Reason {
	if f == nil {
		return ""
	}
	return f.Reason
}

func TestGivenUpByOurLimits(t *testing.T) {
	hurry := v1alpha1.Transfer{Deadline: &metav1.Duration{Duration: 30 * time.Second}, Retries: ptr.To[int32](0)}
	if got := reasonOf(GivenUp(state(cdiv1.ImportInProgress), nil, hurry, now())); got != v1alpha1.ReasonDeadlineExceeded {
		t.Errorf("a deadline that is over should end it, got %q", got)
	}
	if got := reasonOf(GivenUp(restarted(1), nil, v1alpha1.Transfer{Retries: ptr.To[int32](0)}, now())); got != v1alpha1.ReasonCDIFailed {
		t.Errorf("one restart should be one too many, got %q", got)
	}
}

func TestPercent(t *testing.T) {
	cases := map[string]struct {
		told cdiv1.DataVolumeProgress
		end  bool
		want int32
		ok   bool
	}{
		"Nothing": {"", false, 0, false}, "NotYet": {"N/A", false, 0, false}, "Some": {"42.10%", false, 42, true},
		"NotTheEnd": {"100.0%", false, 99, true}, "End": {"100.0%", true, 100, true}, "Odd": {"-3%", false, 0, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := state(cdiv1.ImportInProgress)
			if tc.end {
				s = state(cdiv1.Succeeded)
			}
			s.DataVolume.Status.Progress = tc.told
			if got, ok := Percent(s); got != tc.want || ok != tc.ok {
				t.Errorf("Percent of %q: want %d %t, got %d %t", tc.told, tc.want, tc.ok, got, ok)
			}
		})
	}
}
