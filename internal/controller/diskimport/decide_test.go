// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"encoding/json"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

func secretWith(t *testing.T, f workload.Fingerprint) *corev1.Secret {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{Data: map[string][]byte{workload.KeyFingerprint: b}}
}

func TestDecide(t *testing.T) {
	stamp := workload.Fingerprint{Request: "r", Environment: "e"}
	secret := secretWith(t, stamp)
	staging := volume.State{Staging: claimWith("ubuntu-01234567", corev1.ClaimBound, uid)}
	running := []corev1.Pod{podWith(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})}
	deleting := jobWith()
	deleting.DeletionTimestamp = &metav1.Time{Time: now()}

	cases := map[string]struct {
		reason string
		view   view
		want   action
	}{
		"Nothing":            {"What is wanted and does not exist is started.", view{want: &stamp}, actionStart},
		"NothingKnown":       {"Nothing is started while something is missing.", view{}, actionWait},
		"StagingAlone":       {"A start that was interrupted goes on.", view{volume: staging, want: &stamp}, actionStart},
		"PodsAlone":          {"A Job that somebody deleted is replaced when its pods are gone.", view{mover: moverjob.State{Pods: running}, want: &stamp}, actionRestart},
		"Running":            {"A mover that runs is left alone.", view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: running}, volume: staging, want: &stamp, tuned: true}, actionWait},
		"Untuned":            {"Limits change in place.", view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: running}, volume: staging, want: &stamp}, actionTune},
		"OtherRequest":       {"Another request begins anew.", view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: running}, volume: staging, want: &workload.Fingerprint{Request: "x", Environment: "e"}, tuned: true}, actionRestart},
		"OtherEnvironment":   {"A mover that runs ends with the image that it began with.", view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: running}, volume: staging, want: &workload.Fingerprint{Request: "r", Environment: "x"}, tuned: true}, actionWait},
		"OtherImageWaiting":  {"A mover that cannot be pulled is replaced.", view{mover: moverjob.State{Job: jobWith(), Secret: secret}, volume: staging, want: &workload.Fingerprint{Request: "r", Environment: "x"}, tuned: true}, actionRestart},
		"ReferenceGone":      {"A mover that runs has its own copy of the Secret.", view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: running}, volume: staging, tuned: true}, actionWait},
		"SecretGone":         {"A mover without its copy is replaced.", view{mover: moverjob.State{Job: jobWith(), Pods: running}, volume: staging, want: &stamp, tuned: true}, actionRestart},
		"StagingGone":        {"A mover without its claim is replaced.", view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: running}, want: &stamp, tuned: true}, actionRestart},
		"Deleting":           {"A Job that is going is waited for.", view{mover: moverjob.State{Job: deleting, Secret: secret}, volume: staging, want: &stamp}, actionRestart},
		"FailedWithStaging":  {"Storage of a failed import is given back.", view{mover: moverjob.State{Job: jobWith(is(batchv1.JobFailed)), Secret: secret}, volume: staging, want: &stamp}, actionDiscard},
		"Failed":             {"A failed import stays to be read.", view{mover: moverjob.State{Job: jobWith(is(batchv1.JobFailed)), Secret: secret}, want: &stamp}, actionWait},
		"FailedOtherPolicy":  {"A failed import begins anew under another policy.", view{mover: moverjob.State{Job: jobWith(is(batchv1.JobFailed)), Secret: secret}, want: &workload.Fingerprint{Request: "r", Environment: "x"}}, actionRestart},
		"SucceededUnwritten": {"Nothing is published before the status says that the disk is whole.", view{mover: moverjob.State{Job: jobWith(is(batchv1.JobComplete)), Secret: secret}, volume: staging, want: &stamp, next: volume.StepRetain}, actionWait},
		"Succeeded":          {"A whole disk is published.", view{mover: moverjob.State{Job: jobWith(is(batchv1.JobComplete)), Secret: secret}, volume: staging, want: &stamp, next: volume.StepRetain, completed: true}, actionPublish},
		"Conflict":           {"A foreign claim is left alone.", view{mover: moverjob.State{Job: jobWith(is(batchv1.JobComplete)), Secret: secret}, volume: staging, want: &stamp, next: volume.StepConflict, completed: true}, actionWait},
		"Handover":           {"A handover that has begun goes on, whatever else there is.", view{volume: volume.State{Note: &volume.Note{}}, next: volume.StepRebind}, actionPublish},
		"HandoverWaits":      {"A handover waits for Kubernetes.", view{volume: volume.State{Note: &volume.Note{}}, next: volume.StepWait}, actionWait},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := decide(tc.view); got != tc.want {
				t.Errorf("%s\ndecide: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}
