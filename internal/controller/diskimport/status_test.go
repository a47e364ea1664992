// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"testing"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

func TestReport(t *testing.T) {
	stamp := workload.Fingerprint{Request: "r", Environment: "e"}
	secret := secretWith(t, stamp)
	staging := volume.State{Staging: claimWith("ubuntu-01234567", corev1.ClaimBound, uid), Volume: &corev1.PersistentVolume{}}
	running := podWith(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	corrupt := podWith(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 18, Message: `{"type":"result","reason":"ChecksumMismatch","message":"cannot verify source: it has another sum"}`,
	}})

	type want struct {
		Phase                       v1alpha1.Phase
		Ready                       corev1.ConditionStatus
		Reason                      xpv2.ConditionReason
		Transferring, Verified, Stl corev1.ConditionStatus
	}
	cases := map[string]struct {
		reason string
		view   view
		want   want
	}{
		"Starting": {
			"A mover without a pod is on its way.",
			view{mover: moverjob.State{Job: jobWith(), Secret: secret}, volume: staging, want: &stamp, tuned: true},
			want{v1alpha1.PhasePending, "False", xpv2.ReasonCreating, "False", "Unknown", "False"},
		},
		"Running": {
			"A mover that runs transfers.",
			view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: []corev1.Pod{running}}, volume: staging, want: &stamp, tuned: true},
			want{v1alpha1.PhaseImporting, "False", xpv2.ReasonCreating, "True", "Unknown", "False"},
		},
		"NodeLost": {
			"A node that does not answer is named.",
			view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: []corev1.Pod{running}, NodeLost: "n1"}, volume: staging, want: &stamp, tuned: true},
			want{v1alpha1.PhaseImporting, "False", v1alpha1.ReasonNodeLost, "True", "Unknown", "True"},
		},
		"Failed": {
			"A mismatch is what Ready says, and that the bytes are not verified.",
			view{mover: moverjob.State{Job: jobWith(is(batchv1.JobFailed)), Secret: secret, Pods: []corev1.Pod{corrupt}}, want: &stamp},
			want{v1alpha1.PhaseFailed, "False", "ChecksumMismatch", "False", "False", "True"},
		},
		"Publishing": {
			"A whole disk is not ready before it has its name.",
			view{mover: moverjob.State{Job: jobWith(is(batchv1.JobComplete)), Secret: secret}, volume: staging, want: &stamp, next: volume.StepRetain, completed: true},
			want{v1alpha1.PhaseImporting, "False", xpv2.ReasonCreating, "False", "True", "False"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskImport(func(cr *v1alpha1.DiskImport) {
				cr.Spec.ForProvider.Verification.Checksum = "md5:d41d8cd98f00b204e9800998ecf8427e"
			})
			reportOf(cr, tc.view, now()).apply(cr, tc.view, now())
			ready := cr.GetCondition(xpv2.TypeReady)
			got := want{
				cr.Status.AtProvider.Phase, ready.Status, ready.Reason,
				cr.GetCondition(v1alpha1.TypeTransferring).Status, cr.GetCondition(v1alpha1.TypeVerified).Status, cr.GetCondition(v1alpha1.TypeStalled).Status,
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
			if cr.Status.AtProvider.Message == "" {
				t.Errorf("%s\nthe status should say so in a sentence", tc.reason)
			}
			again := cr.DeepCopy()
			reportOf(again, tc.view, now().Add(time.Minute)).apply(again, tc.view, now().Add(time.Minute))
			if diff := cmp.Diff(cr.Status, again.Status); diff != "" {
				t.Errorf("%s\nthe same state should give the same status: -first, +second:\n%s", tc.reason, diff)
			}
		})
	}
}
