// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestSections describes a schema with each kind of field once.
func TestSections(t *testing.T) {
	const schema = `
type: object
required: [disks]
x-kubernetes-validations: [{rule: r, message: one disk <boots>}, {rule: s, message: one disk <boots>}]
properties:
  size: {x-kubernetes-int-or-string: true, description: "Size\nof it | in bytes."}
  engine: {type: string, enum: [Auto, CDI], default: Auto, maxLength: 8}
  labels: {type: object, maxProperties: 4, additionalProperties: {type: string}}
  hosts: {type: array, items: {type: string, x-kubernetes-validations: [{rule: r, message: write a host.}]}}
  disks:
    type: array
    minItems: 1
    items:
      type: object
      properties: {name: {type: string, pattern: "^a|b$"}, at: {type: string, format: date-time}, count: {type: integer, minimum: 1, maximum: 64}}
`
	const want = `
## spec

- Rule: one disk &lt;boots&gt;.

| field | type | default | |
|---|---|---|---|
| **` + "`disks`" + `** | [list of object](#specdisks) |  | At least 1 items. |
| ` + "`engine`" + ` | string | ` + "`\"Auto\"`" + ` | One of ` + "`Auto`, `CDI`" + `. |
| ` + "`hosts`" + ` | list of string |  | Rule: write a host. |
| ` + "`labels`" + ` | map of string |  | At most 4 keys. |
| ` + "`size`" + ` | quantity or number |  | Size of it \| in bytes. |

## spec.disks[]

| field | type | default | |
|---|---|---|---|
| ` + "`at`" + ` | time |  |  |
| ` + "`count`" + ` | integer |  | 1 to 64. |
| ` + "`name`" + ` | string |  | Matches ` + "`^a\\|b$`" + `. |
`
	s := extv1.JSONSchemaProps{}
	if err := yaml.Unmarshal([]byte(schema), &s); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, sections("spec", s)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
