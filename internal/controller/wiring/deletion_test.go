// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"errors"
	"testing"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

func TestDeletions(t *testing.T) {
	const step = 7 * time.Second
	again := reconcile.Result{Requeue: true} //nolint:staticcheck // SA1019: the runtime asks for its back-off by it.
	synced := func(cr *v1alpha1.ImageBucket) { cr.SetConditions(xpv2.ReconcileSuccess()) }
	goes := func(cr *v1alpha1.ImageBucket) {
		cr.DeletionTimestamp, cr.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{managed.FinalizerName}
	}
	cases := map[string]struct {
		reason string
		edits  []func(*v1alpha1.ImageBucket)
		next   time.Duration
		result reconcile.Result
		err    error
		want   reconcile.Result
	}{
		"Step":       {"the kind says when the next step is taken", []func(*v1alpha1.ImageBucket){synced, goes}, step, again, nil, reconcile.Result{RequeueAfter: step}},
		"NoWord":     {"where it says nothing the runtime does", []func(*v1alpha1.ImageBucket){synced, goes}, 0, again, nil, again},
		"Failed":     {"a step that failed is followed by the back-off", []func(*v1alpha1.ImageBucket){goes}, step, again, nil, again},
		"NotDeleted": {"so is what fails of a resource that stays", []func(*v1alpha1.ImageBucket){synced}, step, again, nil, again},
		"Settled":    {"an interval is left as it is", []func(*v1alpha1.ImageBucket){synced, goes}, step, reconcile.Result{RequeueAfter: time.Hour}, nil, reconcile.Result{RequeueAfter: time.Hour}},
		"Error":      {"and so is an error", []func(*v1alpha1.ImageBucket){synced, goes}, step, again, errors.New("no"), again},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := &v1alpha1.ImageBucket{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "images"}}
			for _, e := range tc.edits {
				e(cr)
			}
			s := runtime.NewScheme()
			if err := v1alpha1.AddToScheme(s); err != nil {
				t.Fatal(err)
			}
			d := &deletions[*v1alpha1.ImageBucket]{
				Reconciler: reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) { return tc.result, tc.err }),
				kind: Kind[*v1alpha1.ImageBucket]{
					New:      func() *v1alpha1.ImageBucket { return &v1alpha1.ImageBucket{} },
					NextStep: func(*v1alpha1.ImageBucket, time.Duration) time.Duration { return tc.next },
				},
				reader: fake.NewClientBuilder().WithScheme(s).WithObjects(cr).Build(),
			}
			got, err := d.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "vms", Name: "images"}})
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%s: want %+v, %v, got %+v, %v", tc.reason, tc.want, tc.err, got, err)
			}
		})
	}
}

// kept are events by their reasons.
type kept struct{ reasons []event.Reason }

func (k *kept) Event(_ runtime.Object, e event.Event) { k.reasons = append(k.reasons, e.Reason) }

func (k *kept) WithAnnotations(...string) event.Recorder { return k }

func TestTruthful(t *testing.T) {
	k := &kept{}
	r := truthful{k}.WithAnnotations("a", "b")
	cr := &v1alpha1.ImageBucket{}
	r.Event(cr, event.Normal(reasonDeleted, "first"))
	cr.SetConditions(v1alpha1.Stalled(v1alpha1.ReasonObjectsLocked, "no"))
	r.Event(cr, event.Normal(reasonDeleted, "second"))
	r.Event(cr, event.Normal("Other", "third"))
	if len(k.reasons) != 2 || k.reasons[0] != reasonDeleted || k.reasons[1] != "Other" {
		t.Errorf("got %v, want all but that of a deletion in whose way something is", k.reasons)
	}
}
