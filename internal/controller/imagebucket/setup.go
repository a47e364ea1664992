// SPDX-License-Identifier: Apache-2.0

package imagebucket

import (
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

const (
	// pollBlocked is the interval at which a bucket is looked at for which
	// somebody has to change something: a Secret, rights, what it holds.
	pollBlocked = 15 * time.Second

	// pollJitter is how much of the interval of a settled bucket is left to
	// chance.
	pollJitter = 0.1
)

// Setup adds the controller of ImageBuckets.
func Setup(mgr ctrl.Manager, o wiring.Options) error { return wiring.Setup(mgr, o, kind()) }

// SetupGated adds the controller once the CRD of ImageBuckets is there.
func SetupGated(mgr ctrl.Manager, o wiring.Options) error { return wiring.SetupGated(mgr, o, kind()) }

func kind() wiring.Kind[*v1alpha1.ImageBucket] {
	return wiring.Kind[*v1alpha1.ImageBucket]{
		GVK:  v1alpha1.ImageBucketGroupVersionKind(),
		New:  func() *v1alpha1.ImageBucket { return &v1alpha1.ImageBucket{} },
		List: &v1alpha1.ImageBucketList{},
		// There is no Annotate: an external name that nobody has given must not
		// look like one that somebody has, who wants the bucket adopted.
		Client: func(m wiring.Means) managed.TypedExternalClient[*v1alpha1.ImageBucket] {
			return &external{Means: m}
		},
		Block:    block,
		NextPoll: nextPoll,
	}
}

// nextPoll says when to look at an ImageBucket again.
func nextPoll(cr *v1alpha1.ImageBucket, interval time.Duration) time.Duration {
	if cr.GetCondition(v1alpha1.TypeStalled).Status == corev1.ConditionTrue {
		return min(pollBlocked, interval)
	}
	return interval + time.Duration((rand.Float64()-0.5)*2*pollJitter*float64(interval)) //nolint:gosec // Jitter is no secret.
}
