// SPDX-License-Identifier: Apache-2.0

package diagnosis

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
)

const (
	// patienceForRoom is how long a mover may wait for others to leave a node.
	// Who starts hundreds at once means them to take turns; who has waited this
	// long asks for more than the nodes have.
	patienceForRoom = 10 * time.Minute

	// patienceForClaim is how long the scheduler may find a claim unbound that is
	// being bound. What is wrong with the claim is told by the claim's own events.
	patienceForClaim = time.Minute
)

// The scheduler's words for what passes by itself, as they stand in the message
// of a pod's condition (pkg/scheduler/framework/plugins of Kubernetes:
// noderesources/fit.go, volumebinding/binder.go).
const (
	tooLittle = "Insufficient "
	tooMany   = "Too many pods"
	unbound   = "unbound immediate PersistentVolumeClaims"
)

// Waiting says what a mover waits for that passes by itself; empty: nothing, or
// nothing that is known.
func Waiting(m moverjob.State) string {
	if c := unscheduled(m.Pod()); c != nil && lacksRoom(c.Message) {
		return fmt.Sprintf("The mover waits for room on a node: %s.", Detail(c.Message))
	}
	return ""
}

func ofScheduling(p *corev1.Pod, now time.Time) *Finding {
	c := unscheduled(p)
	if c == nil || now.Sub(c.LastTransitionTime.Time) < patienceWith(c.Message) {
		return nil
	}
	return finding(v1alpha1.ReasonUnschedulable, "No node takes the mover: %s. Correct transfer.nodeSelector, tolerations or resources, or add a node.", Detail(c.Message))
}

// patienceWith is how long what the scheduler says may go on before somebody
// has to change something.
func patienceWith(message string) time.Duration {
	switch {
	case lacksRoom(message):
		return patienceForRoom
	case strings.Contains(message, unbound):
		return patienceForClaim
	}
	return 0
}

// unscheduled returns the scheduler's word about a pod that no node takes, or nil.
func unscheduled(p *corev1.Pod) *corev1.PodCondition {
	if p == nil {
		return nil
	}
	for i, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

func lacksRoom(message string) bool {
	return strings.Contains(message, tooLittle) || strings.Contains(message, tooMany)
}
