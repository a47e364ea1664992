// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// patience is how long the tests wait for what a cluster does in seconds:
	// long enough for a machine that does ten other things.
	patience = 3 * time.Minute

	// fullDisk is how long they wait for a disk of 20 GiB to be summed up, holes
	// and all, on such a machine.
	fullDisk = 10 * time.Minute

	// glance is the pause between two looks at the cluster: with many tests at
	// once, looking is much of what its API server does.
	glance = 500 * time.Millisecond
)

// eventually waits until check returns nil, and otherwise fails the test with
// the last error.
func eventually(ctx context.Context, t *testing.T, what string, check func() error) {
	t.Helper()
	within(ctx, t, patience, what, check)
}

// within is eventually with another patience.
func within(ctx context.Context, t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	late := time.After(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-time.After(glance):
		case <-late:
			t.Fatalf("%s: not after %s: %v", what, limit, err)
		case <-ctx.Done():
			t.Fatalf("%s: the test ended: %v", what, err)
		}
	}
}

// holds waits until a property of an object holds; the object is then as it
// was found.
func holds[T client.Object](ctx context.Context, t *testing.T, c client.Client, o T, property func(T) error) {
	t.Helper()
	eventually(ctx, t, fmt.Sprintf("%T %s", o, o.GetName()), func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		return property(o)
	})
}

// gone waits until an object does not exist.
func gone(ctx context.Context, t *testing.T, c client.Client, o client.Object) {
	t.Helper()
	eventually(ctx, t, fmt.Sprintf("%T %s is gone", o, o.GetName()), func() error { return absent(ctx, c, o) })
}

// absent returns an error if an object exists, or if nobody can tell.
func absent(ctx context.Context, c client.Client, o client.Object) error {
	err := c.Get(ctx, client.ObjectKeyFromObject(o), o)
	if err == nil {
		return fmt.Errorf("it exists; its deletion was asked for at %v", o.GetDeletionTimestamp())
	}
	return client.IgnoreNotFound(err)
}
