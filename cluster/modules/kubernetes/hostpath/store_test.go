// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSize(t *testing.T) {
	for name, tc := range map[string]struct {
		reason   string
		required int64
		want     int64
	}{
		"Smallest": {reason: "a tiny request should get the smallest volume", required: 1, want: smallest},
		"Exact":    {reason: "whole sectors should stay as they are", required: 64 << 20, want: 64 << 20},
		"RoundUp":  {reason: "a part of a sector should become a whole one", required: 64<<20 + 1, want: 64<<20 + sector},
	} {
		t.Run(name, func(t *testing.T) {
			if got := size(&csi.CapacityRange{RequiredBytes: tc.required}); got != tc.want {
				t.Errorf("%s: size(%d) = %d, want %d", tc.reason, tc.required, got, tc.want)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		err    error
		want   codes.Code
	}{
		"None":     {reason: "no error should stay none", want: codes.OK},
		"NotFound": {reason: "a missing volume should be NotFound", err: errors.Join(fs.ErrNotExist), want: codes.NotFound},
		"Kept":     {reason: "a status should stay as it is", err: status.Error(codes.OutOfRange, "x"), want: codes.OutOfRange},
		"Other":    {reason: "all else should be internal", err: os.ErrClosed, want: codes.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			if got := status.Code(answer(tc.err)); got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
}

func TestCopyKeepsContentAndGrows(t *testing.T) {
	s, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	from := &volume{ID: idOf("vol", "a"), Block: true, Size: smallest}
	if err := s.create(t.Context(), from); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.image(from.ID), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	to := &volume{ID: idOf("snap", "a"), Source: from.ID, Block: true, Size: 2 * smallest}
	if err := s.copy(t.Context(), to, from); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(s.image(to.ID))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(content[:7]); got != "content" {
		t.Errorf("content begins with %q", got)
	}
	if len(content) != 2*smallest {
		t.Errorf("copy has %d bytes, want %d", len(content), 2*smallest)
	}
	if err := s.remove(to.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.get(to.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed volume is still there: %v", err)
	}
}
