// SPDX-License-Identifier: Apache-2.0

package diagnosis

import (
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// Refusal returns why the API server does not let an object be created, or
// nil if the error is not a refusal, and worth another try. permitted says
// whether RBAC permits it, and quotas are those of the namespace; both matter
// only for an error that Forbidden reports.
func Refusal(err error, permitted bool, quotas []corev1.ResourceQuota, want corev1.ResourceList) *Finding {
	switch {
	case err == nil:
		return nil
	case kerrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return finding(v1alpha1.ReasonNamespaceTerminating, "The namespace is being deleted: nothing can be made in it.")
	case kerrors.IsNotFound(err):
		return finding(v1alpha1.ReasonNamespaceNotFound, "The target cluster refuses it: %s.", Detail(err.Error()))
	case kerrors.IsInvalid(err) || kerrors.IsBadRequest(err):
		return finding(v1alpha1.ReasonAdmissionRefused, "The target cluster refuses it: %s.", Detail(err.Error()))
	case !kerrors.IsForbidden(err):
		return nil
	case !permitted:
		return finding(v1alpha1.ReasonAccessDenied, "The provider may not do this: %s. Grant it the ClusterRole in examples/provider.", Detail(err.Error()))
	}
	if q := Exceeded(quotas, want); q != "" {
		return finding(v1alpha1.ReasonQuotaExceeded, "ResourceQuota %q does not leave room for it: %s. Raise the quota, or delete what is not needed.", q, Detail(err.Error()))
	}
	return finding(v1alpha1.ReasonAdmissionRefused, "The target cluster refuses it: %s.", Detail(err.Error()))
}

// Denied returns why a request failed for lack of rights, or nil if it failed
// for another reason.
func Denied(err error) *Finding {
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if kerrors.IsForbidden(cause) {
			return finding(v1alpha1.ReasonAccessDenied, "The provider may not do this: %s. Grant it the ClusterRole in examples/provider.", Detail(cause.Error()))
		}
	}
	return nil
}

// Exceeded returns the name of the first quota that does not leave room for
// what is wanted, or "".
func Exceeded(quotas []corev1.ResourceQuota, want corev1.ResourceList) string {
	for _, q := range quotas {
		for name, hard := range q.Status.Hard {
			need, ok := want[name]
			if !ok {
				continue
			}
			sum := q.Status.Used[name].DeepCopy()
			sum.Add(need)
			if sum.Cmp(hard) > 0 {
				return q.GetName()
			}
		}
	}
	return ""
}

// Demand is what a quota counts for a claim of a storage class, a Job and a
// Secret.
func Demand(class string, storage resource.Quantity) corev1.ResourceList {
	one := resource.MustParse("1")
	return corev1.ResourceList{
		corev1.ResourceRequestsStorage:        storage,
		corev1.ResourcePersistentVolumeClaims: one,
		corev1.ResourceSecrets:                one,
		"count/persistentvolumeclaims":        one,
		"count/secrets":                       one,
		"count/jobs.batch":                    one,
		corev1.ResourceName(class + ".storageclass.storage.k8s.io/requests.storage"):       storage,
		corev1.ResourceName(class + ".storageclass.storage.k8s.io/persistentvolumeclaims"): one,
	}
}
