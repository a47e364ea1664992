// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"encoding/json"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
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
		"Torn":               {"A copy of a disk that is written to is none.", view{mover: moverjob.State{Job: jobWith(), Secret: secret, Pods: running}, volume: staging, want: &stamp, tuned: true, torn: true}, actionRestart},
		"HandoverWaits":      {"A handover waits for Kubernetes.", view{volume: volume.State{Note: &volume.Note{}}, next: volume.StepWait}, actionWait},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.view.engine = v1alpha1.EngineMover
			if got := decide(tc.view); got != tc.want {
				t.Errorf("%s\ndecide: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

func TestDecideCDI(t *testing.T) {
	stamp := workload.Fingerprint{Request: "r", Environment: "e"}
	secret := secretWith(t, stamp)
	mover := moverjob.State{Secret: secret}
	staging := volume.State{Staging: claimWith("ubuntu-01234567", corev1.ClaimBound, uid)}
	whole := volume.State{Staging: staging.Staging, Volume: &corev1.PersistentVolume{}}
	going := volume.State{Staging: claimWith("ubuntu-01234567", corev1.ClaimBound, uid)}
	going.Staging.DeletionTimestamp = &metav1.Time{Time: now()}
	running, done, deleting := dataVolume(cdiv1.ImportInProgress), dataVolume(cdiv1.Succeeded), dataVolume(cdiv1.ImportInProgress)
	deleting.DataVolume.DeletionTimestamp = &metav1.Time{Time: now()}
	failure := &diagnosis.Finding{Reason: v1alpha1.ReasonCDIFailed}

	cases := map[string]struct {
		reason string
		view   view
		want   action
	}{
		"Nothing":          {"What is wanted and does not exist is started.", view{want: &stamp}, actionStart},
		"NothingKnown":     {"Nothing is started while something is missing.", view{}, actionWait},
		"StagingOfMover":   {"What a mover has left goes first.", view{volume: staging, want: &stamp}, actionRestart},
		"StagingGoing":     {"CDI refuses a claim that is there.", view{volume: going, want: &stamp}, actionWait},
		"JobOfMover":       {"A mover goes first.", view{mover: moverjob.State{Job: jobWith(), Secret: secret}, cdi: running, want: &stamp}, actionRestart},
		"Running":          {"CDI is left alone.", view{mover: mover, cdi: running, volume: staging, want: &stamp}, actionWait},
		"OtherRequest":     {"Another request begins anew.", view{mover: mover, cdi: running, want: &workload.Fingerprint{Request: "x"}}, actionRestart},
		"OtherEnvironment": {"Another image of the mover is nothing to CDI.", view{mover: mover, cdi: running, want: &workload.Fingerprint{Request: "r", Environment: "x"}}, actionWait},
		"SecretGone":       {"Nobody knows what was asked for.", view{cdi: running, want: &stamp}, actionRestart},
		"Deleting":         {"A DataVolume that somebody deleted is waited for.", view{mover: mover, cdi: deleting, want: &stamp}, actionRestart},
		"Failing":          {"What is given up is noted, and removed.", view{mover: mover, cdi: running, volume: staging, want: &stamp, given: failure}, actionDiscard},
		"NotedOnly":        {"A note that was the last act is followed by the removal.", view{mover: mover, cdi: running, volume: staging, want: &stamp, given: failure, noted: true}, actionDiscard},
		"Failed":           {"A failure stays to be read.", view{mover: mover, want: &stamp, given: failure, noted: true}, actionWait},
		"FailedRequest":    {"Another request begins anew.", view{mover: mover, want: &workload.Fingerprint{Request: "x"}, given: failure, noted: true}, actionRestart},
		"Unwritten":        {"Nothing is published before the status says that the disk is whole.", view{mover: mover, cdi: done, volume: whole, want: &stamp, next: volume.StepRetain}, actionWait},
		"Succeeded":        {"A whole disk is published.", view{mover: mover, cdi: done, volume: whole, want: &stamp, next: volume.StepRetain, completed: true}, actionPublish},
		"Unbound":          {"A disk without a volume is none.", view{mover: mover, cdi: done, volume: staging, want: &stamp, next: volume.StepLost, completed: true}, actionWait},
		"Reimport":         {"Whoever deletes the claim of a DataVolume that has succeeded makes CDI begin anew, which is waited for.", view{mover: mover, cdi: running, want: &stamp, completed: true}, actionWait},
		"Handover":         {"A handover that has begun goes on.", view{cdi: done, volume: volume.State{Note: &volume.Note{}}, next: volume.StepStopMover}, actionPublish},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.view.engine = v1alpha1.EngineCDI
			if got := decide(tc.view); got != tc.want {
				t.Errorf("%s\ndecide: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

func dataVolume(phase cdiv1.DataVolumePhase) datavolume.State {
	return datavolume.State{DataVolume: &cdiv1.DataVolume{Status: cdiv1.DataVolumeStatus{Phase: phase}}}
}
