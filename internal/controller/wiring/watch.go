// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"

	"github.com/crossplane/upjet/v2/pkg/controller/handler"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// A watcher reconciles a resource at once when its Job, a pod or a claim of it
// changes. It watches beside the controller, which must start and report even
// where the provider may not watch these; then polling is all there is.
type watcher struct {
	cache    cache.Cache
	requests *handler.EventHandler

	// annotation leads from an object of ours to the name of its resource.
	annotation string
}

// Start watches until ctx ends.
func (w *watcher) Start(ctx context.Context) error {
	for _, o := range []client.Object{&batchv1.Job{}, &corev1.Pod{}, &corev1.PersistentVolumeClaim{}} {
		inf, err := w.cache.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		if err != nil {
			return errors.Wrapf(err, "cannot watch %T", o)
		}
		if _, err := inf.AddEventHandler(w.handlers()); err != nil {
			return errors.Wrapf(err, "cannot watch %T", o)
		}
	}
	<-ctx.Done()
	return nil
}

func (w *watcher) handlers() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    w.request,
		UpdateFunc: func(_, o any) { w.request(o) },
		DeleteFunc: func(o any) {
			if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = last.Obj
			}
			w.request(o)
		},
	}
}

// request asks for the resource that an object was made for.
func (w *watcher) request(obj any) {
	o, ok := obj.(client.Object)
	if !ok {
		return
	}
	if name := o.GetAnnotations()[w.annotation]; name != "" {
		w.requests.RequestReconcile(handler.NoRateLimiter, types.NamespacedName{Namespace: o.GetNamespace(), Name: name}, nil)
	}
}
