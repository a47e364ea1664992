// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// crowd makes many Wukongs at once, waits until all are ready, and compares what
// their movers have read, and what is on their claims, with the image.
func (b *bench) crowd(ctx context.Context, n, disks int) error {
	programs, err := find("provider", "function")
	if err != nil {
		return err
	}
	began := time.Now()
	for i := range n {
		if err := b.Create(ctx, b.wukong(fmt.Sprintf("crowd%d", i), disks)); err != nil {
			return fmt.Errorf("cannot make Wukong %d: %w", i, err)
		}
	}
	opened := map[string]bool{}
	var told time.Time
	err = until(ctx, pause, func() (bool, error) {
		ready, err := b.look(ctx, opened)
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Fprintf(b.log, "%4.0f s: %d of %d Wukongs are ready\n", time.Since(began).Seconds(), ready, n)
		}
		return ready == n, err
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	if err := errors.Join(b.right(ctx, n*disks), b.claims(ctx, n*disks)); err != nil {
		return err
	}
	fmt.Printf("\n%d Wukongs with %d disks of %d MiB each, made at once: all were ready after %.0f s. "+
		"All %d claims were read: each has the image and zeros after it.\n\n",
		n, disks, imageSize>>20, took.Seconds(), n*disks)
	fmt.Println("| | goal | seen |\n|---|---|---|")
	goals := map[string]int{"provider": 200, "function": 100}
	for _, name := range []string{"provider", "function"} {
		peak, err := programs[name].peak()
		if err != nil {
			return err
		}
		fmt.Printf("| peak RSS of the %s since it started | < %d MiB | **%d MiB** |\n", name, goals[name], peak>>20)
	}
	fmt.Printf("| circuit breakers that opened | 0 | **%d** |\n", len(opened))
	return nil
}

// look counts the Wukongs that are ready, and notes those whose circuit breaker
// is open: Crossplane then looks at them more rarely.
func (b *bench) look(ctx context.Context, opened map[string]bool) (int, error) {
	group := schema.GroupVersion{Group: vmv1alpha1.Group, Version: "v1alpha1"}
	composites, claims := &unstructured.UnstructuredList{}, &unstructured.UnstructuredList{}
	composites.SetGroupVersionKind(group.WithKind("XWukongList"))
	claims.SetGroupVersionKind(group.WithKind("WukongList"))
	if err := errors.Join(b.List(ctx, composites), b.List(ctx, claims, client.InNamespace(namespace))); err != nil {
		return 0, fmt.Errorf("cannot list Wukongs: %w", err)
	}
	for _, o := range composites.Items {
		if conditionsOf(&o)["Responsive"] == "False" {
			opened[o.GetName()] = true
		}
	}
	ready := 0
	for _, o := range claims.Items {
		if o.GetDeletionTimestamp() == nil && conditionsOf(&o)["Ready"] == "True" {
			ready++
		}
	}
	return ready, nil
}

// right compares what the movers have read with the image.
func (b *bench) right(ctx context.Context, want int) error {
	l := &diskv1alpha1.DiskImportList{}
	if err := b.List(ctx, l, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("cannot list DiskImports: %w", err)
	}
	n := 0
	for _, d := range l.Items {
		if d.GetDeletionTimestamp() != nil {
			continue
		}
		n++
		if s := d.Status.AtProvider.Source; s == nil || s.Digest != b.images.digest {
			return fmt.Errorf("the mover of DiskImport %s read %+v, want %s", d.GetName(), s, b.images.digest)
		}
	}
	if n != want {
		return fmt.Errorf("there are %d DiskImports, want %d", n, want)
	}
	return nil
}
