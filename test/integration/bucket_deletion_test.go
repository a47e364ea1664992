// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/imagebucket"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// removes matches the requests that delete many objects.
func removes(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("delete") }

// deletesBucket matches those that delete the bucket.
func deletesBucket(r *http.Request) bool { return r.Method == http.MethodDelete }

func TestBucketDeletion(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	cr := s.bucket(t, "full", versioned)
	s.ready(t, cr, xpv2.ReasonAvailable)
	s.condition(t, cr, diskv1alpha1.TypeFeaturesApplied, diskv1alpha1.ReasonApplied)
	for range 2 {
		s.put(t, "full", "vms/one")
	}
	_, err := s.api.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("full"), Key: aws.String("vms/one")})
	must(t, err)
	_, err = s.api.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("full"), Key: aws.String("vms/two")})
	must(t, err)

	must(t, kube.client.Delete(t.Context(), cr))
	s.condition(t, cr, diskv1alpha1.TypeStalled, diskv1alpha1.ReasonBucketNotEmpty)
	s.waits(t, cr, deletesBucket)
	if !s.there(t, "full") {
		t.Fatal("the bucket is gone although it holds something")
	}
	// Whoever asks for it has it emptied. The answer to the first request that
	// empties is lost.
	s.proxy.Set(versity.Times(1, removes, s.proxy.Swallow))
	s.nudge(t, cr, emptied)
	gone(t, cr)
	if s.there(t, "full") {
		t.Error("the bucket is still there")
	}
}

// waits fails unless a deletion in whose way something is waits in that state: it
// is no error, another look changes nothing, and no event says otherwise. tries
// matches the requests of a look.
func (s *shop) waits(t *testing.T, cr *diskv1alpha1.ImageBucket, tries func(*http.Request) bool) {
	t.Helper()
	if c := cr.GetCondition(xpv2.TypeSynced); c.Status != corev1.ConditionTrue {
		t.Errorf("what is in the way of a deletion is an error: %s", c.Message)
	}
	if r := cr.GetCondition(xpv2.TypeReady).Reason; r != xpv2.ReasonDeleting {
		t.Errorf("Ready is %s", r)
	}
	before := cr.Status.DeepCopy()
	// One resource has one look at a time: when the second begins, the first has
	// written what it wrote.
	for range 2 {
		looked := make(chan struct{})
		var once sync.Once
		s.proxy.Set(func(_ http.ResponseWriter, r *http.Request) bool {
			if tries(r) {
				once.Do(func() { close(looked) })
			}
			return false
		})
		s.nudge(t, cr)
		within(t, "a change of the ImageBucket should lead to another look", func() error {
			select {
			case <-looked:
				return nil
			default:
				return fmt.Errorf("the store was asked %q", s.proxy.Requests())
			}
		})
	}
	must(t, get(t, cr))
	if diff := cmp.Diff(before.AtProvider, cr.Status.AtProvider); diff != "" {
		t.Errorf("another look changes the status: -before, +after:\n%s", diff)
	}
	for _, had := range before.Conditions {
		if is := cr.GetCondition(had.Type); !is.LastTransitionTime.Equal(&had.LastTransitionTime) {
			t.Errorf("another look changes %s: it was %+v, and is %+v", had.Type, had, is)
		}
	}
	for _, e := range s.events(t, cr) {
		if e.Reason == "CannotDeleteExternalResource" || e.Reason == "DeletedExternalResource" {
			t.Errorf("an event says %d times: %s: %s", e.Count, e.Reason, e.Message)
		}
	}
}

// events are those about an ImageBucket.
func (s *shop) events(t *testing.T, cr *diskv1alpha1.ImageBucket) []corev1.Event {
	t.Helper()
	all := &corev1.EventList{}
	must(t, kube.client.List(t.Context(), all, client.InNamespace(s.namespace)))
	return slices.DeleteFunc(all.Items, func(e corev1.Event) bool { return e.InvolvedObject.UID != cr.UID })
}

// locked makes an ImageBucket that is to be emptied, whose bucket has two objects
// under names that begin with one of them.
func (s *shop) locked(t *testing.T, name string) *diskv1alpha1.ImageBucket {
	t.Helper()
	cr := s.bucket(t, name, emptied, func(cr *diskv1alpha1.ImageBucket) {
		cr.Spec.ForProvider.ObjectLock = &diskv1alpha1.BucketObjectLock{}
	})
	s.ready(t, cr, xpv2.ReasonAvailable)
	s.put(t, name, "free")
	s.put(t, name, "held")
	return cr
}

// TestBucketLocked shows that object lock which forbids emptying is a state, with
// its own reason; and that a change of the ImageBucket is heeded in it.
func TestBucketLocked(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	cr := s.locked(t, "compliance")
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	_, err := s.api.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{
		Bucket: aws.String("compliance"), Key: aws.String("held"),
		Retention: &types.ObjectLockRetention{Mode: types.ObjectLockRetentionModeCompliance, RetainUntilDate: &until},
	})
	must(t, err)
	must(t, kube.client.Delete(t.Context(), cr))
	s.condition(t, cr, diskv1alpha1.TypeStalled, diskv1alpha1.ReasonObjectsLocked)
	if m := cr.Status.AtProvider.Message; !strings.Contains(m, `"held"`) || !strings.Contains(m, until.Format(time.RFC3339)) {
		t.Errorf("the message does not say what is locked until when: %s", m)
	}
	if e := cr.Status.AtProvider.Emptied; e == nil || e.Objects != 1 {
		t.Errorf("the status says that this was removed: %+v", e)
	}
	s.waits(t, cr, removes)
	s.nudge(t, cr, func(cr *diskv1alpha1.ImageBucket) {
		cr.Spec.ForProvider.Deletion.Policy = diskv1alpha1.DeletionRefuse
	})
	s.condition(t, cr, diskv1alpha1.TypeStalled, diskv1alpha1.ReasonBucketNotEmpty)
}

// TestBucketReleased shows that a deletion goes on when what was locked is not any
// more, without a word to the provider.
func TestBucketReleased(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	cr := s.locked(t, "hold")
	hold := func(h types.ObjectLockLegalHoldStatus) {
		_, err := s.api.PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{
			Bucket: aws.String("hold"), Key: aws.String("held"), LegalHold: &types.ObjectLockLegalHold{Status: h},
		})
		must(t, err)
	}
	hold(types.ObjectLockLegalHoldStatusOn)
	must(t, kube.client.Delete(t.Context(), cr))
	s.condition(t, cr, diskv1alpha1.TypeStalled, diskv1alpha1.ReasonObjectsLocked)
	if m := cr.Status.AtProvider.Message; !strings.Contains(m, "legal hold") {
		t.Errorf("the message does not say by what it is locked: %s", m)
	}
	hold(types.ObjectLockLegalHoldStatusOff)
	gone(t, cr)
	if s.there(t, "hold") {
		t.Error("the bucket is still there")
	}
}

// provider starts a provider of this test's own, which reconciles the
// ImageBuckets that are marked for it. It returns what ends it.
func (s *shop) provider(t *testing.T, emptyLimit int) (stop func()) {
	t.Helper()
	mgr, clusters, err := newManager(rest.CopyConfig(kube.cfg), labelOwn+"="+s.namespace)
	must(t, err)
	must(t, imagebucket.Setup(mgr, wiring.Options{Options: controllerOptions(), Clusters: clusters}, imagebucket.WithEmptyLimit(emptyLimit)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		_ = mgr.Start(ctx)
		close(ended)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// TestBucketEmptying empties a bucket in several passes, which follow one another
// without growing pauses, through a restart of the provider in the middle of one.
func TestBucketEmptying(t *testing.T) {
	t.Parallel()
	const limit = 2
	s := newShop(t)
	stop := s.provider(t, limit)
	cr := s.bucket(t, "many", emptied, func(cr *diskv1alpha1.ImageBucket) { cr.Labels[labelOwn] = s.namespace })
	s.ready(t, cr, xpv2.ReasonAvailable)
	for i := range 5 * limit {
		s.put(t, "many", fmt.Sprintf("vms/%02d", i))
	}
	w, err := kube.client.Watch(t.Context(), &diskv1alpha1.ImageBucketList{}, client.InNamespace(s.namespace))
	must(t, err)
	defer w.Stop()

	// The provider stops in the middle of the third pass, which does nothing.
	third := make(chan struct{})
	s.proxy.Set(after(2, removes, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(third)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}))
	must(t, kube.client.Delete(t.Context(), cr))
	within(t, "a third pass should begin", func() error {
		select {
		case <-third:
			return nil
		default:
			return fmt.Errorf("the store was asked %q", s.proxy.Requests())
		}
	})
	stop()
	must(t, get(t, cr))
	if e := cr.Status.AtProvider.Emptied; e == nil || e.Objects != 2*limit {
		t.Errorf("after two passes the status says %+v", e)
	}
	s.proxy.Set(nil)
	t.Cleanup(s.provider(t, limit))
	gone(t, cr)
	if s.there(t, "many") {
		t.Error("the bucket is still there")
	}
	if diff := cmp.Diff([]int64{2, 4, 6, 8, 10}, progress(t, w)); diff != "" {
		t.Errorf("objects that the status says are removed, from one write to the next: -want, +got:\n%s", diff)
	}
}

// after lets n requests that match pass, and answers the next one.
func after(n int, match func(*http.Request) bool, answer http.HandlerFunc) versity.Fault {
	first := versity.Times(n, match, func(http.ResponseWriter, *http.Request) {})
	then := versity.Times(1, match, answer)
	return func(w http.ResponseWriter, r *http.Request) bool {
		if first(w, r) {
			return false
		}
		return then(w, r)
	}
}

// progress are the numbers of objects that an ImageBucket has said are removed,
// until it was gone.
func progress(t *testing.T, w watch.Interface) []int64 {
	t.Helper()
	var seen []int64
	for {
		select {
		case e := <-w.ResultChan():
			cr, ok := e.Object.(*diskv1alpha1.ImageBucket)
			if !ok {
				t.Fatalf("the watch says %+v", e)
			}
			if n := cr.Status.AtProvider.Emptied; n != nil && !slices.Contains(seen, n.Objects) {
				seen = append(seen, n.Objects)
			}
			if e.Type == watch.Deleted {
				return seen
			}
		case <-t.Context().Done():
			return seen
		}
	}
}
