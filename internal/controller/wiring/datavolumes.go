// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/volume"
)

// askForCDI is how often a cluster without CDI is asked whether it has it now.
// Until then, imports by CDI are polled.
const askForCDI = 30 * time.Second

// dataVolumes reconciles a resource at once when its DataVolume changes. It
// watches the metadata of those that we made, once the cluster has CDI: an
// informer of the manager for a kind that is not there would end the manager.
type dataVolumes struct {
	watcher

	config *rest.Config
	http   *http.Client
	mapper meta.RESTMapper
}

// Start watches until ctx ends.
func (d *dataVolumes) Start(ctx context.Context) error {
	m := d.await(ctx)
	if m == nil {
		return nil
	}
	c, err := metadata.NewForConfigAndClient(d.config, d.http)
	if err != nil {
		return errors.Wrap(err, "cannot make client for DataVolumes")
	}
	inf := metadatainformer.NewFilteredMetadataInformer(c, m.Resource, metav1.NamespaceAll, 0, toolscache.Indexers{}, func(o *metav1.ListOptions) {
		o.LabelSelector = volume.LabelOwner
	}).Informer()
	if _, err := inf.AddEventHandler(d.handlers()); err != nil {
		return errors.Wrap(err, "cannot watch DataVolumes")
	}
	inf.RunWithContext(ctx)
	return nil
}

// await waits until the cluster has CDI; nil: ctx ended before.
func (d *dataVolumes) await(ctx context.Context) *meta.RESTMapping {
	for {
		m, err := d.mapper.RESTMapping(cdiv1.Kind("DataVolume"), cdiv1.SchemeGroupVersion.Version)
		if err == nil {
			return m
		}
		// An API server that does not answer is asked again, as one without CDI.
		select {
		case <-time.After(askForCDI):
		case <-ctx.Done():
			return nil
		}
	}
}
