// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
)

const operationImport = "Import"

// milestone is the phase that a DiskImport has reached.
func milestone(cr *v1alpha1.DiskImport, now time.Time) meter.Milestone {
	at := cr.Status.AtProvider
	return meter.Milestone{
		Operation:  operationImport,
		Phase:      string(at.Phase),
		Reason:     string(cr.GetCondition(xpv2.TypeReady).Reason),
		Success:    at.Phase == v1alpha1.PhaseSucceeded,
		Kind:       v1alpha1.DiskImportGroupVersionKind(),
		Age:        now.Sub(cr.GetCreationTimestamp().Time),
		Progress:   at.Progress,
		Start:      at.StartTime,
		Completion: at.CompletionTime,
	}
}
