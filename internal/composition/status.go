// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"fmt"
	"slices"
	"strings"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// Reasons of the conditions of a Wukong.
const (
	reasonAccepted        = "Accepted"
	reasonRefused         = "Refused"
	reasonBound           = "AllBound"
	reasonFailed          = "DiskFailed"
	reasonPreparing       = "Preparing"
	reasonFirstConsumer   = "WaitingForFirstConsumer"
	reasonPodNetwork      = "PodNetwork"
	reasonConfigured      = "AllConfigured"
	reasonNetworkMissing  = "NetworkMissing"
	reasonComposed        = "Composed"
	reasonDisks           = "WaitingForDisks"
	reasonNetworks        = "WaitingForNetworks"
	reasonKeys            = "WaitingForSSHKeys"
	reasonNameTaken       = "NameTaken"
	reasonKubeVirtMissing = "KubeVirtMissing"
)

// summarise makes the status of a Wukong from what is decided of its disks,
// its networks and its machine.
func summarise(outcomes []outcome, w wiring, b build) vmv1alpha1.WukongStatus {
	s := vmv1alpha1.WukongStatus{
		Phase: phase(outcomes, w, b), Message: message(outcomes, w, b),
		VMName: b.vmName, NodeName: b.nodeName,
	}
	for _, o := range outcomes {
		s.Volumes = append(s.Volumes, o.volume)
	}
	s.Progress, s.Speed = overall(outcomes)
	return s
}

// phase of a Wukong: what is wrong with a disk comes first, then what the
// machine does. What is wrong with a network, or what the machine lacks, counts
// once the disks are ready: until then it does not matter. That KubeVirt is not
// there is no error of the Wukong: the machine follows when it comes.
func phase(outcomes []outcome, w wiring, b build) vmv1alpha1.Phase {
	ready := !slices.ContainsFunc(outcomes, func(o outcome) bool { return !o.done() })
	switch {
	case slices.ContainsFunc(outcomes, func(o outcome) bool { return o.refused || o.state == failed }):
		return vmv1alpha1.PhaseError
	case b.seen != nil:
		return b.seen.Phase
	case ready && joined(w.problems(), b.problem) != "":
		return vmv1alpha1.PhaseError
	case len(outcomes) > 0 && !slices.ContainsFunc(outcomes, func(o outcome) bool { return o.state != pending }):
		return vmv1alpha1.PhasePending
	}
	return vmv1alpha1.PhaseCreating
}

// message says in a sentence what is wrong, else what is awaited, else what the
// machine does.
func message(outcomes []outcome, w wiring, b build) string {
	if s := joined(problems(outcomes), w.problems(), b.trouble()); s != "" {
		return s
	}
	if slices.ContainsFunc(outcomes, func(o outcome) bool { return !o.done() }) {
		return waiting(outcomes)
	}
	if s := joined(w.waiting(), exports(outcomes)); s != "" {
		return s
	}
	if b.seen != nil {
		return b.seen.Sentence
	}
	return b.waiting
}

// trouble is what must change before there is a machine, or about the machine.
func (b build) trouble() string {
	if b.seen != nil && b.seen.Phase == vmv1alpha1.PhaseError {
		return b.seen.Sentence
	}
	return joined(b.problem, b.missing)
}

// problems are what must change, disk by disk.
func problems(outcomes []outcome) string {
	var ss []string
	for _, o := range outcomes {
		if len(o.problems) > 0 {
			ss = append(ss, o.problem())
		}
	}
	return strings.Join(ss, "; ")
}

// problem is what must change about a disk, with its name.
func (o outcome) problem() string {
	sentences := make([]string, 0, len(o.problems))
	for _, p := range o.problems {
		sentences = append(sentences, strings.TrimSuffix(p, "."))
	}
	return fmt.Sprintf("disk %q: %s", o.volume.Name, strings.Join(sentences, "; "))
}

// waiting is what is awaited, disk by disk.
func waiting(outcomes []outcome) string {
	var ss []string
	for _, o := range outcomes {
		if o.waiting != "" && o.state != failed {
			ss = append(ss, fmt.Sprintf("disk %q: %s", o.volume.Name, o.waiting))
		}
	}
	return strings.Join(ss, "; ")
}

// exports are what the exports of disks that are ready wait for.
func exports(outcomes []outcome) string {
	var ss []string
	for _, o := range outcomes {
		if o.exporting != "" {
			ss = append(ss, fmt.Sprintf("disk %q: %s", o.volume.Name, o.exporting))
		}
	}
	return strings.Join(ss, "; ")
}

// overall is the progress of all imports together, weighed by size, and their
// speed. Both are empty when nothing is imported.
func overall(outcomes []outcome) (progress, speed string) {
	var doneShare, whole float64
	var rate int64
	all := true
	for _, o := range outcomes {
		if o.transfer == nil {
			continue
		}
		w := max(float64(o.transfer.weight), 1)
		whole += w
		doneShare += w * float64(o.transfer.percent) / 100
		rate += o.transfer.speed
		all = all && o.transfer.percent == 100
	}
	if whole == 0 {
		return "", ""
	}
	p := int32(100 * doneShare / whole)
	if !all {
		p = min(p, 99)
	}
	return percentage(p), perSecond(rate)
}

func accepted(outcomes []outcome) Condition {
	var refused []outcome
	for _, o := range outcomes {
		if o.refused {
			refused = append(refused, o)
		}
	}
	if len(refused) == 0 {
		return Condition{Type: vmv1alpha1.ConditionDisksAccepted, True: true, Reason: reasonAccepted}
	}
	return Condition{Type: vmv1alpha1.ConditionDisksAccepted, Reason: reasonRefused, Message: problems(refused)}
}

// volumesBound says whether every claim is bound. Its message does not follow
// the disks: Crossplane writes conditions apart from the rest of the status, and
// counts that.
func volumesBound(outcomes []outcome) Condition {
	c := Condition{Type: vmv1alpha1.ConditionVolumesBound}
	var unbound, stuck []outcome
	for _, o := range outcomes {
		if o.state != bound {
			unbound = append(unbound, o)
		}
		if o.state == failed {
			stuck = append(stuck, o)
		}
	}
	has := func(s state) bool {
		return slices.ContainsFunc(unbound, func(o outcome) bool { return o.state == s })
	}
	switch {
	case len(unbound) == 0:
		c.True, c.Reason = true, reasonBound
	case len(stuck) > 0:
		c.Reason, c.Message = reasonFailed, problems(stuck)
	case has(pending) || has(preparing):
		c.Reason, c.Message = reasonPreparing, "status.message says what each disk waits for"
	default:
		c.Reason, c.Message = reasonFirstConsumer, waiting(unbound)
	}
	return c
}

// joined puts sentences that are not empty into one.
func joined(ss ...string) string {
	return strings.Join(slices.DeleteFunc(ss, func(s string) bool { return s == "" }), "; ")
}

// percentage writes a percentage the way the API has it.
func percentage(p int32) string { return fmt.Sprintf("%d%%", p) }

// perSecond writes a rate in bytes a second for people; a rate of zero is not
// worth showing.
func perSecond(rate int64) string {
	const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	switch {
	case rate <= 0:
		return ""
	case rate < kib:
		return fmt.Sprintf("%d B/s", rate)
	case rate < mib:
		return scaled(rate, kib) + " KiB/s"
	case rate < gib:
		return scaled(rate, mib) + " MiB/s"
	}
	return scaled(rate, gib) + " GiB/s"
}

// scaled writes a number in a unit with two digits at least.
func scaled(n, unit int64) string {
	f := float64(n) / float64(unit)
	if f < 10 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}
