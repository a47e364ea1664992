// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

const (
	// patience is how long a hundred machines may take.
	patience = time.Hour

	// glance is the pause between two looks, and so the error of a time; pause is
	// that of looks at many, which cost the API server something.
	glance = 50 * time.Millisecond
	pause  = 2 * time.Second
)

// until asks again after a while, until the answer is yes.
func until(ctx context.Context, while time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		is, err := done()
		if is || err != nil {
			return err
		}
		select {
		case <-time.After(while):
		case <-ctx.Done():
			return fmt.Errorf("cannot wait any longer: %w", ctx.Err())
		}
	}
}

// wukong is a machine that does not start, with disks from the bench's server.
func (b *bench) wukong(name string, disks int) *vmv1alpha1.Wukong {
	w := &vmv1alpha1.Wukong{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	w.Spec.CPU, w.Spec.Memory = 1, "64Mi"
	w.Spec.StartStrategy = &vmv1alpha1.StartStrategy{AutoStart: new(false)}
	for i := range disks {
		disk := fmt.Sprintf("disk%d", i)
		source := &vmv1alpha1.ImportSource{Type: "http"}
		source.URL = b.images.url(name + "-" + disk)
		w.Spec.Disks = append(w.Spec.Disks, vmv1alpha1.Disk{Name: disk, Size: vmv1alpha1.Size(resource.NewQuantity(diskSize, resource.BinarySI).String()), ImportSource: source})
	}
	return w
}

// conditions are those of the Wukong of a name: Crossplane's stand beside ours.
func (b *bench) conditions(ctx context.Context, kind, name string) (map[string]string, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: vmv1alpha1.Group, Version: "v1alpha1", Kind: kind})
	if err := b.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
		return nil, fmt.Errorf("cannot get %s %s: %w", kind, name, err)
	}
	return conditionsOf(o), nil
}

func conditionsOf(o *unstructured.Unstructured) map[string]string {
	out := map[string]string{}
	all, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range all {
		if m, ok := c.(map[string]any); ok {
			out[fmt.Sprint(m["type"])] = fmt.Sprint(m["status"])
		}
	}
	return out
}

// latencies times Wukongs, one after another; the first one warms the cluster
// up, and does not count.
func (b *bench) latencies(ctx context.Context, runs int) error {
	var begin, end []time.Duration
	for i := range runs + 1 {
		first, last, err := b.latency(ctx, fmt.Sprintf("one%d", i))
		if err != nil {
			return err
		}
		fmt.Fprintf(b.log, "from apply to the first byte %.1f s, from the last byte to Ready %.1f s\n", first.Seconds(), last.Seconds())
		if i > 0 {
			begin, end = append(begin, first), append(end, last)
		}
	}
	fmt.Println("| | goal | median | all runs |\n|---|---|---|---|")
	fmt.Printf("| from `kubectl apply` of a Wukong to the first byte of its disk | 5 s | **%.1f s** | %s |\n", median(begin).Seconds(), seconds(begin))
	fmt.Printf("| from the last byte of its disk to `Ready` on the claim | 3 s | **%.1f s** | %s |\n", median(end).Seconds(), seconds(end))
	return nil
}

// latency makes one Wukong, and returns how long it took until its disk's first
// byte moved, and from the last one until it was ready.
func (b *bench) latency(ctx context.Context, name string) (first, last time.Duration, err error) {
	w := b.wukong(name, 1)
	began := time.Now()
	if err := b.Create(ctx, w); err != nil {
		return 0, 0, fmt.Errorf("cannot make Wukong %s: %w", name, err)
	}
	err = until(ctx, glance, func() (bool, error) {
		c, err := b.conditions(ctx, vmv1alpha1.WukongKind, name)
		return c["Ready"] == "True", err
	})
	if err != nil {
		return 0, 0, err
	}
	ready, moved := time.Now(), b.images.span(name+"-disk0")
	if err := b.Delete(ctx, w); err != nil {
		return 0, 0, fmt.Errorf("cannot delete Wukong %s: %w", name, err)
	}
	return moved.first.Sub(began), ready.Sub(moved.last), nil
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func seconds(all []time.Duration) string {
	out := ""
	for i, d := range all {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%.1f", d.Seconds())
	}
	return out
}
