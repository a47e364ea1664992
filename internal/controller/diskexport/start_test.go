// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport/origin"
)

func TestApart(t *testing.T) {
	read := func(o *origin.Disk) { o.Usage.Nodes = []string{"node-1"} }
	shared := func(o *origin.Disk) {
		o.Usage.Claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
	}
	cases := map[string]struct {
		reason string
		disk   origin.Disk
		plan   v1alpha1.Consistency
		target string // node
		want   string // part of the message; empty: nothing is in the way
	}{
		"Idle":     {"A disk that nobody uses goes to the target's node.", disk(), v1alpha1.ConsistencyOffline, "node-2", ""},
		"Target":   {"A target that nobody uses goes to the disk's.", disk(read), v1alpha1.ConsistencyOffline, "", ""},
		"Same":     {"One node can be enough.", disk(read), v1alpha1.ConsistencyOffline, "node-1", ""},
		"Apart":    {"Two nodes are not.", disk(read), v1alpha1.ConsistencyOffline, "node-2", `Claim "disk" is in use on node "node-1" and claim "backups" of the target on node "node-2"`},
		"Snapshot": {"A claim that is restored is nowhere yet.", disk(read), v1alpha1.ConsistencySnapshot, "node-2", ""},
		"Shared":   {"A volume for many nodes is on any.", disk(read, shared), v1alpha1.ConsistencyOffline, "node-2", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskExport(func(cr *v1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{PVC: &v1alpha1.ClaimTarget{Name: "backups", Path: "a"}}
			})
			f := apart(cr, view{origin: tc.disk, plan: origin.Plan{Consistency: tc.plan}}, inputs{targetNode: tc.target})
			switch {
			case tc.want == "" && f != nil:
				t.Errorf("%s\nwant nothing in the way, got %+v", tc.reason, f)
			case tc.want != "" && (f == nil || f.Reason != v1alpha1.ReasonSourceInUse || !strings.Contains(f.Message, tc.want)):
				t.Errorf("%s\nwant %q, got %+v", tc.reason, tc.want, f)
			}
		})
	}
}
