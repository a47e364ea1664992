// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const vm = `
metadata: {name: vm}
spec:
  template:
    spec:
      domain: {}
      volumes:
      - name: system
        persistentVolumeClaim: {claimName: vm-system, hotpluggable: true}
      - name: data
        dataVolume: {name: vm-data}
      - name: cloudinit
        cloudInitNoCloud: {userData: x}
`

func TestClaim(t *testing.T) {
	cases := map[string]struct {
		reason, disk, want string
		lack               Lack
	}{
		"Claim":      {"A claim is named.", "system", "vm-system", ""},
		"DataVolume": {"A DataVolume's claim has its name.", "data", "vm-data", ""},
		"NoClaim":    {"Other volumes have none.", "cloudinit", "", LackDisk},
		"Unknown":    {"A disk that is not there is said to be.", "other", "", LackDisk},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(vm), &u.Object); err != nil {
				t.Fatal(err)
			}
			got, err := claim(u, tc.disk)
			var p *Problem
			errors.As(err, &p)
			switch {
			case got != tc.want:
				t.Errorf("%s\nclaim: want %q, got %q, %v", tc.reason, tc.want, got, err)
			case tc.lack != "" && (p == nil || p.Lack != tc.lack):
				t.Errorf("%s\nclaim: want lack of %s, got %v", tc.reason, tc.lack, err)
			}
		})
	}
}
