// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/novasphere/provider-wukong/internal/clients/volume"
)

// The labels of what is made for a resource, beside its owner's.
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelComponent = "app.kubernetes.io/component"

	managedBy      = "provider-wukong"
	componentMover = "mover"
)

// uidPrefix is how much of a UID is part of a name: 32 bits, beside the name
// itself.
const uidPrefix = 8

// Name is the name of what is made for a resource: the resource's, the
// beginning of its UID, and a suffix. It fits a label value, because Kubernetes
// labels a Job's pods with it.
func Name(resource string, uid types.UID, suffix string) string {
	suffix = "-" + string(uid[:min(uidPrefix, len(uid))]) + suffix
	resource = resource[:min(len(resource), validation.DNS1123LabelMaxLength-len(suffix))]
	return strings.TrimRight(resource, "-.") + suffix
}

// Labels are those of every object that is made for a resource.
func Labels(uid types.UID) map[string]string {
	return map[string]string{
		volume.LabelOwner: string(uid),
		LabelManagedBy:    managedBy,
		LabelComponent:    componentMover,
	}
}
