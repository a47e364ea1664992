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

	// pollHeld is the interval for one that is not deleted because of what it
	// holds. Only the store knows when that is gone.
	pollHeld = time.Minute

	// passGap is how long after a pass that has removed something the next one
	// begins: others have their turn, and the status is written once a second
	// at most.
	passGap = time.Second

	// emptyLimit bounds how many objects and uploads one pass removes, which is
	// ten requests of a store that removes many at once.
	emptyLimit = 10_000

	// pollJitter is how much of the interval of a settled bucket is left to
	// chance.
	pollJitter = 0.1
)

// An Option changes how ImageBuckets are reconciled.
type Option func(*options)

type options struct{ emptyLimit int }

// WithEmptyLimit bounds how many objects and uploads one pass of an emptying
// removes. Default: 10,000.
func WithEmptyLimit(n int) Option { return func(o *options) { o.emptyLimit = n } }

// Setup adds the controller of ImageBuckets.
func Setup(mgr ctrl.Manager, o wiring.Options, more ...Option) error {
	return wiring.Setup(mgr, o, kind(more...))
}

// SetupGated adds the controller once the CRD of ImageBuckets is there.
func SetupGated(mgr ctrl.Manager, o wiring.Options, more ...Option) error {
	return wiring.SetupGated(mgr, o, kind(more...))
}

func kind(more ...Option) wiring.Kind[*v1alpha1.ImageBucket] {
	o := options{emptyLimit: emptyLimit}
	for _, change := range more {
		change(&o)
	}
	return wiring.Kind[*v1alpha1.ImageBucket]{
		GVK:  v1alpha1.ImageBucketGroupVersionKind(),
		New:  func() *v1alpha1.ImageBucket { return &v1alpha1.ImageBucket{} },
		List: &v1alpha1.ImageBucketList{},
		// There is no Annotate: an external name that nobody has given must not
		// look like one that somebody has, who wants the bucket adopted.
		Client: func(m wiring.Means) managed.TypedExternalClient[*v1alpha1.ImageBucket] {
			return &external{Means: m, emptyLimit: o.emptyLimit}
		},
		Block:    block,
		NextPoll: nextPoll,
		NextStep: nextStep,
	}
}

// nextPoll says when to look at an ImageBucket again.
func nextPoll(cr *v1alpha1.ImageBucket, interval time.Duration) time.Duration {
	if cr.GetCondition(v1alpha1.TypeStalled).Status == corev1.ConditionTrue {
		return min(pollBlocked, interval)
	}
	return interval + time.Duration((rand.Float64()-0.5)*2*pollJitter*float64(interval)) //nolint:gosec // Jitter is no secret.
}

// nextStep says when to go on with the deletion of an ImageBucket.
func nextStep(cr *v1alpha1.ImageBucket, interval time.Duration) time.Duration {
	s := cr.GetCondition(v1alpha1.TypeStalled)
	switch {
	case s.Status == corev1.ConditionTrue && (s.Reason == v1alpha1.ReasonBucketNotEmpty || s.Reason == v1alpha1.ReasonObjectsLocked):
		return min(pollHeld, interval)
	case s.Status == corev1.ConditionTrue:
		return min(pollBlocked, interval)
	case s.Reason == v1alpha1.ReasonProgressing:
		return passGap
	}
	return 0
}
