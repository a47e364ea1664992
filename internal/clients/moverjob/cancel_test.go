// SPDX-License-Identifier: Apache-2.0

package moverjob_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
)

// TestCancel removes what has ended itself, and leaves the rest to others.
func TestCancel(t *testing.T) {
	owned := func(p *corev1.Pod, kind, name string) *corev1.Pod {
		yes := true
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: kind, Name: name, UID: "1", Controller: &yes}}
		return p
	}
	all := []string{"ended", "other", "running", "starting", "stray"}
	cases := map[string]struct {
		reason string
		refuse bool
		want   []string
	}{
		"Ended":     {"A pod that runs gets its grace period, and one of another owner is none of ours.", false, slices.Delete(slices.Clone(all), 0, 1)},
		"Forbidden": {"Without the right to it the kubelet's time is waited for.", true, all},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := runtime.NewScheme()
			if err := clientgoscheme.AddToScheme(s); err != nil {
				t.Fatal(err)
			}
			job := &batchv1.Job{ObjectMeta: meta("mover", 0)}
			kube := fake.NewClientBuilder().WithScheme(s).WithObjects(job, &corev1.Secret{ObjectMeta: meta("mover", 0)},
				owned(pod("ended", 1, true, ""), "Job", "mover"),
				owned(pod("running", 2, false, ""), "Job", "mover"),
				owned(pending("starting", 3), "Job", "mover"),
				owned(pod("other", 4, true, ""), "ReplicaSet", "mover"),
				pod("stray", 5, true, ""),
			).WithInterceptorFuncs(interceptor.Funcs{Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
				if _, is := o.(*corev1.Pod); is && tc.refuse {
					return kerrors.NewForbidden(schema.GroupResource{Resource: "pods"}, o.GetName(), nil)
				}
				return c.Delete(ctx, o, opts...)
			}}).Build()
			movers, key := moverjob.New(kube, logs{}), client.ObjectKeyFromObject(job)
			state, err := movers.Inspect(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if err := movers.Cancel(t.Context(), key, state.Pods); err != nil {
				t.Fatal(err)
			}
			left := &corev1.PodList{}
			if err := kube.List(t.Context(), left); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, p := range left.Items {
				names = append(names, p.Name)
			}
			slices.Sort(names)
			if diff := cmp.Diff(tc.want, names); diff != "" {
				t.Errorf("%s\npods that are left, -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
