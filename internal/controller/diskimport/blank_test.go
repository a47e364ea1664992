// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// published is a disk whose final claim has the given phase. A State of tests has
// no owner, so that a claim without one is its own.
func published(phase corev1.PersistentVolumeClaimPhase) volume.State {
	return volume.State{Final: claimWith("ubuntu", phase, "")}
}

func going(s volume.State) volume.State {
	s.Final.DeletionTimestamp = &metav1.Time{Time: now()}
	return s
}

func TestBlank(t *testing.T) {
	type want struct {
		Action       action
		Phase        v1alpha1.Phase
		Ready        xpv2.ConditionReason
		Stalled      xpv2.ConditionReason
		Transferring xpv2.ConditionReason
	}
	refused := &diagnosis.Finding{Reason: v1alpha1.ReasonVolumePending, Message: "No."}
	ungrown := &diagnosis.Finding{Reason: v1alpha1.ReasonExpansionRefused, Message: "No."}
	cases := map[string]struct {
		reason string
		view   view
		want   want
	}{
		"Nothing": {
			"The claim is made.",
			view{},
			want{actionStart, v1alpha1.PhasePending, xpv2.ReasonCreating, v1alpha1.ReasonProgressing, v1alpha1.ReasonPending},
		},
		"Pending": {
			"A claim that waits for its volume is waited for.",
			view{volume: published(corev1.ClaimPending)},
			want{actionWait, v1alpha1.PhasePending, xpv2.ReasonCreating, v1alpha1.ReasonProgressing, v1alpha1.ReasonPending},
		},
		"Unbindable": {
			"A class that makes no volume is told.",
			view{volume: published(corev1.ClaimPending), unbindable: refused},
			want{actionWait, v1alpha1.PhasePending, v1alpha1.ReasonVolumePending, v1alpha1.ReasonVolumePending, v1alpha1.ReasonPending},
		},
		"Other": {
			"A claim that is not bound is replaced by the one that is asked for.",
			view{volume: published(corev1.ClaimPending), other: true},
			want{actionRestart, v1alpha1.PhasePending, xpv2.ReasonCreating, v1alpha1.ReasonProgressing, v1alpha1.ReasonPending},
		},
		"Awaits": {
			"A claim that only a pod can bind is as ready as it can be.",
			view{volume: published(corev1.ClaimPending), awaits: true},
			want{actionWait, v1alpha1.PhaseSucceeded, xpv2.ReasonAvailable, v1alpha1.ReasonComplete, v1alpha1.ReasonWaitingForFirstConsumer},
		},
		"AwaitsOther": {
			"A claim that a pod may be about to use is not replaced.",
			view{volume: published(corev1.ClaimPending), awaits: true, other: true, completed: true},
			want{actionWait, v1alpha1.PhaseSucceeded, xpv2.ReasonAvailable, v1alpha1.ReasonComplete, v1alpha1.ReasonWaitingForFirstConsumer},
		},
		"Bound": {
			"A claim that is bound is the disk.",
			view{volume: published(corev1.ClaimBound), fresh: true, completed: true},
			want{actionWait, v1alpha1.PhaseSucceeded, xpv2.ReasonAvailable, v1alpha1.ReasonComplete, v1alpha1.ReasonComplete},
		},
		"Stale": {
			"It grows, as any other does.",
			view{volume: published(corev1.ClaimBound), completed: true},
			want{actionRefresh, v1alpha1.PhaseSucceeded, xpv2.ReasonAvailable, v1alpha1.ReasonComplete, v1alpha1.ReasonComplete},
		},
		"Ungrown": {
			"A claim that cannot grow is as ready as before.",
			view{volume: published(corev1.ClaimBound), fresh: true, completed: true, ungrown: ungrown},
			want{actionWait, v1alpha1.PhaseSucceeded, xpv2.ReasonAvailable, v1alpha1.ReasonExpansionRefused, v1alpha1.ReasonComplete},
		},
		"Lost": {
			"A claim that has lost its volume is left to whoever can bring it back.",
			view{volume: published(corev1.ClaimLost), completed: true},
			want{actionWait, v1alpha1.PhaseFailed, v1alpha1.ReasonVolumeLost, v1alpha1.ReasonVolumeLost, v1alpha1.ReasonFailed},
		},
		"Going": {
			"A claim that somebody deletes is waited for.",
			view{volume: going(published(corev1.ClaimPending)), other: true},
			want{actionWait, v1alpha1.PhasePending, v1alpha1.ReasonClaimLost, v1alpha1.ReasonClaimLost, v1alpha1.ReasonPending},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := emptyDisk()
			tc.view.blank = true
			reportOf(cr, tc.view, now()).apply(cr, tc.view, now())
			got := want{
				decide(tc.view), cr.Status.AtProvider.Phase, cr.GetCondition(xpv2.TypeReady).Reason,
				cr.GetCondition(v1alpha1.TypeStalled).Reason, cr.GetCondition(v1alpha1.TypeTransferring).Reason,
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
			if at := cr.Status.AtProvider; at.Source != nil || at.Engine != "" || at.Message == "" {
				t.Errorf("%s\nthe status says of an empty disk: %+v", tc.reason, at)
			}
		})
	}
}

func emptyDisk(edits ...edit) *v1alpha1.DiskImport {
	return diskImport(append([]edit{func(cr *v1alpha1.DiskImport) {
		cr.Spec.ForProvider.Source = v1alpha1.ImportSource{Blank: &v1alpha1.BlankSource{}}
	}}, edits...)...)
}

func TestDesiredBlank(t *testing.T) {
	p := desiredBlank(emptyDisk(func(cr *v1alpha1.DiskImport) {
		cr.Spec.ForProvider.Target.Labels = map[string]string{"team": "vm"}
	}), someInputs())
	want := map[string]string{
		"team": "vm", volume.LabelOwner: string(uid),
		"app.kubernetes.io/managed-by": "provider-wukong", "app.kubernetes.io/component": "disk",
	}
	if diff := cmp.Diff(want, p.GetLabels()); diff != "" {
		t.Errorf("labels: -want, +got:\n%s", diff)
	}
	want = map[string]string{annotationName: "ubuntu", annotationSize: "21474836480"}
	if diff := cmp.Diff(want, p.GetAnnotations()); diff != "" {
		t.Errorf("annotations: -want, +got:\n%s", diff)
	}
	if size := p.Spec.Resources.Requests[corev1.ResourceStorage]; p.GetName() != "ubuntu" || size.Cmp(resource.MustParse("21788Mi")) != 0 {
		t.Errorf("the claim is %s with %s", p.GetName(), size.String())
	}
}

func TestOutlives(t *testing.T) {
	note := func(s volume.State) volume.State {
		s.Note = &volume.Note{}
		return s
	}
	cases := map[string]struct {
		reason string
		keeps  v1alpha1.Retention
		view   view
		want   bool
	}{
		"Published":    {"A whole disk stays.", v1alpha1.RetentionRetain, view{volume: published(corev1.ClaimBound)}, true},
		"Lost":         {"A claim stays for whoever can bring its volume back.", v1alpha1.RetentionRetain, view{volume: published(corev1.ClaimLost)}, true},
		"Delete":       {"Nothing stays that nobody wants to keep.", v1alpha1.RetentionDelete, view{volume: published(corev1.ClaimBound)}, false},
		"Unsaid":       {"Delete is the default.", "", view{volume: published(corev1.ClaimBound)}, false},
		"Staging":      {"What is half-written goes.", v1alpha1.RetentionRetain, view{volume: volume.State{Staging: claimWith("s", corev1.ClaimBound, "")}}, false},
		"Handover":     {"A volume without a claim under its name goes.", v1alpha1.RetentionRetain, view{volume: volume.State{Note: &volume.Note{}}}, false},
		"Binding":      {"A claim under its name stays, and its handover ends first.", v1alpha1.RetentionRetain, view{volume: note(published(corev1.ClaimPending))}, true},
		"LostHandover": {"A handover that cannot end is given up.", v1alpha1.RetentionRetain, view{volume: note(published(corev1.ClaimLost))}, false},
		"Going":        {"Whoever deletes the claim itself wants that.", v1alpha1.RetentionRetain, view{volume: going(published(corev1.ClaimBound))}, false},
		"Foreign":      {"What is not ours is not touched.", v1alpha1.RetentionRetain, view{volume: volume.State{Final: claimWith("ubuntu", corev1.ClaimBound, "other")}}, false},
		"BlankPending": {"An empty claim that could not be bound goes.", v1alpha1.RetentionRetain, view{blank: true, volume: published(corev1.ClaimPending)}, false},
		"BlankAwaits":  {"An empty claim that waits for a pod stays.", v1alpha1.RetentionRetain, view{blank: true, completed: true, volume: published(corev1.ClaimPending)}, true},
		"BlankBound":   {"An empty claim that is bound stays.", v1alpha1.RetentionRetain, view{blank: true, volume: published(corev1.ClaimBound)}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskImport(func(cr *v1alpha1.DiskImport) { cr.Spec.ForProvider.Retention = tc.keeps })
			if got := outlives(cr, tc.view); got != tc.want {
				t.Errorf("%s\noutlives: want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}
