// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
)

// authority writes a server's certificate where a job has its bundle.
func authority(t *testing.T, s *rogue.Server) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
