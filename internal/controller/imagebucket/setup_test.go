// SPDX-License-Identifier: Apache-2.0

package imagebucket

import (
	"testing"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

func deleted(cr *v1alpha1.ImageBucket) { cr.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }

func TestNextStep(t *testing.T) {
	const settled = 10 * time.Minute
	stalled := func(r v1alpha1.Reason) xpv2.Condition { return v1alpha1.Stalled(r, "no") }
	cases := map[string]struct {
		reason   string
		is       xpv2.Condition
		interval time.Duration
		want     time.Duration
	}{
		"Locked":   {"what object lock keeps is looked at seldom", stalled(v1alpha1.ReasonObjectsLocked), settled, pollHeld},
		"NotEmpty": {"so is what nobody wants emptied", stalled(v1alpha1.ReasonBucketNotEmpty), settled, pollHeld},
		"Eager":    {"but no less often than what is settled", stalled(v1alpha1.ReasonBucketNotEmpty), time.Second, time.Second},
		"Refused":  {"what somebody changes in the cluster is seen sooner", stalled(v1alpha1.ReasonCredentialsRefused), settled, pollBlocked},
		"Emptying": {"a pass that has removed something is followed by the next one", v1alpha1.NotStalled(v1alpha1.ReasonProgressing), settled, passGap},
		"Gone":     {"a bucket that was deleted is looked for by the runtime's back-off", v1alpha1.NotStalled(v1alpha1.ReasonComplete), settled, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := imageBucket(deleted)
			cr.SetConditions(tc.is)
			if got := nextStep(cr, tc.interval); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestBlockedDeletion shows that the status of a deletion that waits is the same
// at each look, with what the runtime writes after it.
func TestBlockedDeletion(t *testing.T) {
	cr := imageBucket(deleted)
	cr.Generation = 3
	look := func() *v1alpha1.ImageBucketStatus {
		block(cr, &diagnosis.Finding{Reason: v1alpha1.ReasonObjectsLocked, Message: "no"})
		cr.SetConditions(xpv2.Deleting().WithObservedGeneration(cr.Generation))
		return cr.Status.DeepCopy()
	}
	first, second := look(), look()
	if diff := cmp.Diff(first.AtProvider, second.AtProvider); diff != "" {
		t.Errorf("the second look changes the status: -first, +second:\n%s", diff)
	}
	for i, c := range second.Conditions {
		if !c.LastTransitionTime.Equal(&first.Conditions[i].LastTransitionTime) { // Equal ignores it.
			t.Errorf("the second look changes %s: it was %+v, and is %+v", c.Type, first.Conditions[i], c)
		}
	}
	if r := cr.GetCondition(xpv2.TypeReady).Reason; r != xpv2.ReasonDeleting {
		t.Errorf("Ready is %s", r)
	}
}
