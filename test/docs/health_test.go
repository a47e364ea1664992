// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// health is what Argo CD's health check of a kind says of an object.
type health struct{ Status, Message string }

// TestHealthChecks runs the health checks that are given to Argo CD, as it does.
func TestHealthChecks(t *testing.T) {
	const prefix = "resource.customizations.health."
	checks := map[string]string{}
	file := filepath.Join(root, "examples", "gitops", "argocd", "argocd-cm.yaml")
	data, _, err := unstructured.NestedStringMap(object(t, file, documents(t, file)[0]).Object, "data")
	if err != nil {
		t.Fatal(err)
	}
	for key, script := range data {
		if kind, ok := strings.CutPrefix(key, prefix); ok {
			checks[kind] = script
		}
	}
	const (
		diskImport = "disk.wukong.m.novasphere.dev_DiskImport"
		diskExport = "disk.wukong.m.novasphere.dev_DiskExport"
		wukong     = "vm.novasphere.dev_Wukong"
	)
	cases := map[string]struct {
		reason, kind, object string
		want                 health
	}{
		"New":          {"Nothing is known yet.", diskImport, "{}", health{"Progressing", "Waiting for the provider"}},
		"Importing":    {"The percentage is shown.", diskImport, "status: {atProvider: {phase: Importing, message: m, progress: {percent: 42}}, conditions: [{type: Ready, status: 'False'}]}", health{"Progressing", "42 %: m"}},
		"Imported":     {"A disk that is there is healthy.", diskImport, "status: {atProvider: {phase: Succeeded, message: m}, conditions: [{type: Synced, status: 'True'}, {type: Ready, status: 'True'}, {type: Stalled, status: 'False'}]}", health{"Healthy", "m"}},
		"Stalled":      {"Somebody has to do something.", diskImport, "status: {atProvider: {phase: Pending, message: m}, conditions: [{type: Ready, status: 'False'}, {type: Stalled, status: 'True', message: s}]}", health{"Degraded", "s"}},
		"NotSynced":    {"An error is one.", diskImport, "status: {conditions: [{type: Synced, status: 'False', reason: ReconcileError, message: s}]}", health{"Degraded", "s"}},
		"Exporting":    {"Exports have a percentage too.", diskExport, "status: {atProvider: {phase: Exporting, message: m, progress: {percent: 7}}}", health{"Progressing", "7 %: m"}},
		"ArtifactGone": {"An artifact that is gone is missed.", diskExport, "status: {atProvider: {phase: Succeeded, message: m}, conditions: [{type: Ready, status: 'False'}, {type: Stalled, status: 'True', message: gone}]}", health{"Degraded", "gone"}},
		"WukongError":  {"A Wukong says what is wrong.", wukong, "status: {phase: Error, message: m}", health{"Degraded", "m"}},
		"WukongReady":  {"A Wukong that is ready is healthy.", wukong, "status: {phase: Running, message: m, conditions: [{type: Synced, status: 'True'}, {type: Ready, status: 'True'}]}", health{"Healthy", "m"}},
		"WukongNew":    {"Crossplane has not seen it.", wukong, "{}", health{"Progressing", "Waiting for Crossplane"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, check(t, checks[tc.kind], tc.object)); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// check runs a script with an object as Argo CD does: as the global obj.
func check(t *testing.T, script, manifest string) health {
	t.Helper()
	var o any
	if err := yaml.Unmarshal([]byte(manifest), &o); err != nil {
		t.Fatal(err)
	}
	l := lua.NewState()
	defer l.Close()
	l.SetGlobal("obj", value(l, o))
	if err := l.DoString(script); err != nil {
		t.Fatalf("cannot run health check: %v", err)
	}
	answer, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the health check returns %s", l.Get(-1))
	}
	return health{answer.RawGetString("status").String(), answer.RawGetString("message").String()}
}

// value is a JSON value as Lua has it.
func value(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := l.NewTable()
		for name, member := range v {
			table.RawSetString(name, value(l, member))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, member := range v {
			table.Append(value(l, member))
		}
		return table
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	}
	return lua.LNil
}
