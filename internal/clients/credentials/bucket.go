// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"slices"
	"strings"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/s3conn"
)

// The keys of an ImageBucket's connection Secret that say where the bucket is.
const (
	keyEndpoint = "endpoint"
	keyRegion   = "region"
	keyBucket   = "bucket"
)

// Bucket follows the bucketRef or bucketSelector of a place to the bucket of an
// ImageBucket in the same namespace. One that was used before is preferred to
// others that a selector fits. A reference that leads to no bucket, or to one
// that cannot be used yet, gives a Problem.
func Bucket(ctx context.Context, r client.Reader, namespace string, o v1alpha1.S3Object, before *v1alpha1.UsedBucket) (*v1alpha1.UsedBucket, error) {
	b, err := imageBucket(ctx, r, namespace, o, before)
	if err != nil {
		return nil, err
	}
	if c := b.GetCondition(xpv2.TypeReady); c.Status != corev1.ConditionTrue {
		why := strings.TrimSpace(b.Status.AtProvider.Message)
		if why == "" {
			why = "It is being made."
		}
		return nil, problem(v1alpha1.ReasonBucketNotReady, "Waiting for ImageBucket %q to be ready. %s", b.GetName(), why)
	}
	ref := b.GetWriteConnectionSecretToReference()
	if ref == nil || ref.Name == "" {
		return nil, problem(v1alpha1.ReasonBucketWithoutSecret, "ImageBucket %q writes no connection Secret: set its spec.writeConnectionSecretToRef.name.", b.GetName())
	}
	s := &corev1.Secret{}
	if err := get(ctx, r, types.NamespacedName{Namespace: namespace, Name: ref.Name}, s, v1alpha1.ReasonSecretNotFound); err != nil {
		return nil, err
	}
	name := string(value(s, keyBucket))
	if name == "" {
		return nil, problem(v1alpha1.ReasonBucketNotReady, "Waiting for ImageBucket %q to write its connection Secret %q.", b.GetName(), ref.Name)
	}
	u := &v1alpha1.UsedBucket{
		ImageBucket: b.GetName(), Name: name, SecretName: ref.Name,
		Endpoint: string(value(s, keyEndpoint)), Region: string(value(s, keyRegion)),
		CABundleRef: b.Spec.ForProvider.CABundleRef,
	}
	if u.Endpoint == s3conn.Endpoint(u.Region) {
		// AWS's own store is known to do more than others.
		u.Endpoint = ""
	}
	return u, nil
}

// imageBucket finds the ImageBucket that a place refers to.
func imageBucket(ctx context.Context, r client.Reader, namespace string, o v1alpha1.S3Object, before *v1alpha1.UsedBucket) (*v1alpha1.ImageBucket, error) {
	if o.BucketRef != nil {
		b := &v1alpha1.ImageBucket{}
		err := r.Get(ctx, types.NamespacedName{Namespace: namespace, Name: o.BucketRef.Name}, b)
		if kerrors.IsNotFound(err) {
			return nil, problem(v1alpha1.ReasonBucketNotFound, "ImageBucket %q does not exist in namespace %q: create it, or correct bucketRef.name.", o.BucketRef.Name, namespace)
		}
		return b, errors.Wrapf(err, "cannot get ImageBucket %q", o.BucketRef.Name)
	}
	if o.BucketSelector == nil {
		return nil, errors.New("cannot find ImageBucket: nothing refers to one")
	}
	labels := client.MatchingLabels{}
	for k, v := range o.BucketSelector.MatchLabels {
		labels[k] = string(v)
	}
	l := &v1alpha1.ImageBucketList{}
	if err := r.List(ctx, l, client.InNamespace(namespace), labels); err != nil {
		return nil, errors.Wrap(err, "cannot list ImageBuckets")
	}
	names := make([]string, 0, len(l.Items))
	for i := range l.Items {
		if before != nil && l.Items[i].GetName() == before.ImageBucket {
			return &l.Items[i], nil
		}
		names = append(names, l.Items[i].GetName())
	}
	switch len(names) {
	case 0:
		return nil, problem(v1alpha1.ReasonBucketNotFound, "No ImageBucket in namespace %q has the labels of bucketSelector: label one, or correct bucketSelector.matchLabels.", namespace)
	case 1:
		return &l.Items[0], nil
	}
	slices.Sort(names)
	return nil, problem(v1alpha1.ReasonBucketAmbiguous, "bucketSelector fits %d ImageBuckets (%s): add a label that only one of them has, or name it in bucketRef.", len(names), strings.Join(names, ", "))
}
