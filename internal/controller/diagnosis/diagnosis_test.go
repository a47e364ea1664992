// SPDX-License-Identifier: Apache-2.0

package diagnosis

import (
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func pod(s corev1.ContainerState) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a-0123-x"},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "mover", Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
		}}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "mover", Image: "mover:v1", State: s}}},
	}
}

func waiting(reason string) corev1.Pod {
	return pod(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"}})
}

func ended(code int32, reason, message string) corev1.Pod {
	return pod(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}})
}

func event(reason, message string) []corev1.Event {
	return []corev1.Event{{Reason: reason, Message: message}}
}

// unplaced is a pod that no node has taken for a while, as the scheduler says.
func unplaced(message string, since time.Duration) moverjob.State {
	p := pod(corev1.ContainerState{})
	p.Status.ContainerStatuses = nil
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: message, LastTransitionTime: metav1.NewTime(now().Add(-since)),
	}}
	return moverjob.State{Pods: []corev1.Pod{p}}
}

// What the scheduler says.
const (
	noRoom  = "0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods."
	noLabel = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
	noClaim = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
)

func TestWaiting(t *testing.T) {
	cases := map[string]struct {
		reason string
		mover  moverjob.State
		want   string
	}{
		"NoPod":   {"Who has no pod waits for nothing that is known.", moverjob.State{}, ""},
		"Running": {"Who runs waits for nothing.", moverjob.State{Pods: []corev1.Pod{pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})}}, ""},
		"Room":    {"Others have to end first.", unplaced(noRoom, time.Second), "The mover waits for room on a node: " + noRoom},
		"Never":   {"No time gives a node a label.", unplaced(noLabel, time.Second), ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Waiting(tc.mover); got != tc.want {
				t.Errorf("%s\nwant %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}

func TestOf(t *testing.T) {
	running := pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	staging := func(p corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "a-0123"}, Status: corev1.PersistentVolumeClaimStatus{Phase: p}}
	}

	cases := map[string]struct {
		reason string
		mover  moverjob.State
		volume volume.State
		want   v1alpha1.Reason
		says   string
	}{
		"NoPod":         {"A Job without a pod is young.", moverjob.State{}, volume.State{}, "", ""},
		"Refused":       {"A pod that is refused says why.", moverjob.State{Events: event("FailedCreate", "exceeded quota: small")}, volume.State{}, v1alpha1.ReasonPodRefused, "exceeded quota: small."},
		"FirstConsumer": {"A claim that waits for its pod is no trouble.", moverjob.State{Pods: []corev1.Pod{waiting("ContainerCreating")}}, volume.State{Staging: staging(corev1.ClaimPending)}, "", ""},
		"Provisioner":   {"A provisioner that fails says why.", moverjob.State{}, volume.State{Staging: staging(corev1.ClaimPending), Events: event("ProvisioningFailed", "no space")}, v1alpha1.ReasonVolumePending, "no space."},
		"VolumeLost":    {"A claim that lost its volume is of no use.", moverjob.State{}, volume.State{Staging: staging(corev1.ClaimLost)}, v1alpha1.ReasonVolumeLost, "delete the claim"},
		"Unschedulable": {"The scheduler says why, at once.", unplaced(noLabel, time.Second), volume.State{}, v1alpha1.ReasonUnschedulable, "0/2 nodes"},
		"Room":          {"Who waits for others is well.", unplaced(noRoom, time.Minute), volume.State{}, "", ""},
		"NoRoom":        {"Who waits too long asks for too much.", unplaced(noRoom, 11*time.Minute), volume.State{}, v1alpha1.ReasonUnschedulable, "0/2 nodes"},
		"Binding":       {"A claim takes a moment to be bound.", unplaced(noClaim, time.Second), volume.State{}, "", ""},
		"Unbound":       {"A claim that is not bound holds the mover up.", unplaced(noClaim, time.Minute), volume.State{}, v1alpha1.ReasonUnschedulable, "0/2 nodes"},
		"ImagePull":     {"An image that cannot be pulled is named.", moverjob.State{Pods: []corev1.Pod{waiting("ImagePullBackOff")}}, volume.State{}, v1alpha1.ReasonImagePullFailed, "mover:v1"},
		"Container":     {"A container that does not start says why.", moverjob.State{Pods: []corev1.Pod{waiting("CreateContainerConfigError")}}, volume.State{}, v1alpha1.ReasonContainerStuck, "because."},
		"Mount":         {"A volume that cannot be mounted says why.", moverjob.State{Pods: []corev1.Pod{waiting("ContainerCreating")}, Events: event("FailedMount", "timed out")}, volume.State{}, v1alpha1.ReasonVolumePending, "timed out."},
		"Running":       {"A mover that reports is well.", moverjob.State{Pods: []corev1.Pod{running}, Progress: &transfer.Progress{Time: now().Add(-time.Second)}}, volume.State{}, "", ""},
		"Silent":        {"A mover that is silent is not.", moverjob.State{Pods: []corev1.Pod{running}, Progress: &transfer.Progress{Time: now().Add(-time.Hour)}}, volume.State{}, v1alpha1.ReasonNoProgress, "node \"n1\""},
		"NodeLost":      {"A node that does not answer is named.", moverjob.State{Pods: []corev1.Pod{running}, NodeLost: "n1"}, volume.State{}, v1alpha1.ReasonNodeLost, "\"n1\""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { compare(t, tc.reason, Of(tc.mover, tc.volume, now()), tc.want, tc.says) })
	}
}

func compare(t *testing.T, reason string, got *Finding, want v1alpha1.Reason, says string) {
	t.Helper()
	switch {
	case want == "" && got != nil:
		t.Errorf("%s\nwant no finding, got %+v", reason, got)
	case want != "" && (got == nil || got.Reason != want || !strings.Contains(got.Message, says)):
		t.Errorf("%s\nwant %s with %q, got %+v", reason, want, says, got)
	case got != nil && (!strings.HasSuffix(got.Message, ".") || strings.Contains(got.Message, "..")):
		t.Errorf("%s\nwant whole sentences, got %q", reason, got.Message)
	}
}

func TestFailure(t *testing.T) {
	evicted := pod(corev1.ContainerState{})
	evicted.Status.Reason, evicted.Status.Message = "Evicted", "The node was low on resource: memory."
	failed := func(reason string, pods ...corev1.Pod) moverjob.State {
		return moverjob.State{Pods: pods, Job: &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Name: "a-0123"},
			Status:     batchv1.JobStatus{Failed: 6, Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: reason}}},
		}}
	}
	cases := map[string]struct {
		reason string
		mover  moverjob.State
		want   v1alpha1.Reason
		says   string
	}{
		"NotFailed":   {"A Job that runs has not failed.", moverjob.State{Job: &batchv1.Job{}}, "", ""},
		"Terminal":    {"A mover's own word counts, with what to do.", failed("PodFailurePolicy", ended(18, "Error", `{"type":"result","reason":"ChecksumMismatch","message":"cannot verify source"}`)), "ChecksumMismatch", "Compare the checksum"},
		"ExitCode":    {"An exit code speaks where the word was lost.", failed("PodFailurePolicy", ended(11, "Error", "")), "SourceNotFound", "Check the URL"},
		"Retryable":   {"A failure that was tried often says how to try again.", failed("BackoffLimitExceeded", ended(1, "Error", `{"type":"result","reason":"SourceUnavailable","message":"cannot connect"}`)), "SourceUnavailable", "tried 6 times; delete Job \"a-0123\""},
		"OutOfMemory": {"A limit that is too small is named.", failed("BackoffLimitExceeded", ended(137, "OOMKilled", "")), v1alpha1.ReasonOutOfMemory, "512Mi"},
		"Killed":      {"A kill is somebody's.", failed("BackoffLimitExceeded", ended(137, "Error", "")), v1alpha1.ReasonMoverCrashed, "was killed"},
		"Crashed":     {"A crash has a log.", failed("BackoffLimitExceeded", ended(99, "Error", "goroutine 1")), v1alpha1.ReasonMoverCrashed, "exit code 99"},
		"Evicted":     {"An eviction says why.", failed("BackoffLimitExceeded", evicted), v1alpha1.ReasonEvicted, "low on resource"},
		"Deadline":    {"A deadline is the import's own.", failed("DeadlineExceeded"), "DeadlineExceeded", "Raise transfer.deadline"},
		"PodsGone":    {"Pods that somebody deleted say nothing.", failed("BackoffLimitExceeded"), v1alpha1.ReasonRetriesExhausted, "gone"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { compare(t, tc.reason, Failure(tc.mover), tc.want, tc.says) })
	}
}

func TestRefusal(t *testing.T) {
	claims := schema.GroupResource{Resource: "persistentvolumeclaims"}
	forbidden := kerrors.NewForbidden(claims, "a", errors.New("exceeded quota: small"))
	terminating := kerrors.NewForbidden(claims, "a", errors.New("being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	quota := []corev1.ResourceQuota{{ObjectMeta: metav1.ObjectMeta{Name: "small"}, Status: corev1.ResourceQuotaStatus{
		Hard: corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse("10Gi")},
		Used: corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse("6Gi")},
	}}}

	cases := map[string]struct {
		reason    string
		err       error
		permitted bool
		size      string
		want      v1alpha1.Reason
		says      string
	}{
		"None":        {"No error is no refusal.", nil, true, "1Gi", "", ""},
		"Timeout":     {"A timeout is worth another try.", kerrors.NewTimeoutError("slow", 1), true, "1Gi", "", ""},
		"Terminating": {"A namespace that goes takes nothing.", terminating, true, "1Gi", v1alpha1.ReasonNamespaceTerminating, "being deleted"},
		"NoNamespace": {"A namespace may be missing in another cluster.", kerrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "vms"), true, "1Gi", v1alpha1.ReasonNamespaceNotFound, "\"vms\" not found"},
		"Rights":      {"Lack of rights names the role.", forbidden, false, "5Gi", v1alpha1.ReasonAccessDenied, "examples/provider"},
		"Quota":       {"A quota that leaves no room is named.", forbidden, true, "5Gi", v1alpha1.ReasonQuotaExceeded, "\"small\""},
		"Webhook":     {"A quota that leaves room is not to blame.", forbidden, true, "4Gi", v1alpha1.ReasonAdmissionRefused, "refuses"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Refusal(tc.err, tc.permitted, quota, Demand("fast", resource.MustParse(tc.size)))
			compare(t, tc.reason, got, tc.want, tc.says)
		})
	}
}
