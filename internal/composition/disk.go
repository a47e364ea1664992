// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// Labels that name the Wukong and the disk on everything composed for a disk,
// its claim included.
const (
	LabelWukong = vmv1alpha1.Group + "/wukong"
	LabelDisk   = vmv1alpha1.Group + "/disk"
)

// state is where a disk's claim stands.
type state int

const (
	pending   state = iota // nothing has begun
	preparing              // the claim is being made
	idle                   // the claim waits for its first consumer: nothing is left to do
	bound                  // the claim holds the disk's data and is bound
	failed                 // something must change before it can go on
)

// outcome is what is decided about one disk.
type outcome struct {
	state   state
	refused bool // something of what the disk asks for is refused
	desired map[string]Desired
	needs   []Need
	volume  vmv1alpha1.VolumeStatus

	// problems are sentences about what must change.
	problems []string

	// waiting says what the claim waits for. It is stable: it holds no
	// progress.
	waiting string

	// exporting says what its export waits for; empty when there is none, or
	// it is done.
	exporting string

	// transfer is how far the import of a disk with a source is.
	transfer *transfer
}

// transfer is how far an import is.
type transfer struct {
	percent int32
	speed   int64 // bytes a second
	weight  int64 // size of the disk in bytes
}

// done reports whether nothing is left to do for the disk's claim.
func (o outcome) done() bool { return o.state == idle || o.state == bound }

// decide decides about one disk.
func decide(in Input, d vmv1alpha1.Disk) outcome {
	o := prepare(in, d)
	o.volume.Name = d.Name
	o.volume.Size = string(d.Size)
	if d.ExportTarget != nil {
		o.export(in, d)
	}
	return o
}

func prepare(in Input, d vmv1alpha1.Disk) outcome {
	size, err := resource.ParseQuantity(string(d.Size))
	if err != nil {
		return refuse(in, d, fmt.Sprintf("size %q is not a size such as 20Gi", d.Size))
	}
	return importDisk(in, d, size)
}

// refuse is the outcome of a disk that cannot be prepared as it is written.
// What was composed for it earlier stays as it is: to drop it would be to
// delete its data.
func refuse(in Input, d vmv1alpha1.Disk, sentence string) outcome {
	o := outcome{state: failed}
	if have := in.Imports[importKey(d)]; have != nil {
		o = observeImport(have)
		o.desire(importKey(d), Desired{Object: keepImport(in, d, have), Ready: importReady(have)})
	}
	o.refused = true
	o.problems = append(o.problems, sentence)
	if o.volume.ImportStatus == nil && hasSource(d) {
		o.transfer = &transfer{}
		o.volume.ImportStatus = &vmv1alpha1.ImportStatus{Phase: vmv1alpha1.ImportFailed, Progress: percentage(0)}
	}
	if o.volume.ImportStatus != nil {
		o.volume.ImportStatus.Message = sentence
	}
	return o
}

func (o *outcome) fail(sentence string) {
	o.state = failed
	o.problems = append(o.problems, sentence)
}

func (o *outcome) desire(key string, want Desired) {
	if o.desired == nil {
		o.desired = map[string]Desired{}
	}
	o.desired[key] = want
}

// hasSource reports whether a disk is filled with something; one that is not is
// made empty.
func hasSource(d vmv1alpha1.Disk) bool {
	return d.ImportSource != nil || d.Image != "" || d.DataSource != nil
}

// objectMeta names what is composed for a disk, and with it the disk's claim.
func objectMeta(in Input, d vmv1alpha1.Disk) metav1.ObjectMeta {
	meta := named(in, in.Wukong.GetName()+"-"+d.Name)
	meta.Labels[LabelDisk] = d.Name
	return meta
}

// free reports whether a new object can be made for the Wukong where n points
// to; known is false as long as nobody has looked.
func free(in Input, n Need) (is, known bool) {
	have, known := in.Standing[n]
	if !known || have == nil {
		return known, known
	}
	owner := metav1.GetControllerOf(have)
	return owner != nil && owner.UID == in.Wukong.GetUID(), true
}
