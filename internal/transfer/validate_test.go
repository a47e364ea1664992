// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestReadJob(t *testing.T) {
	const head = `{"version": 1, "id": "x", `
	cases := map[string]struct {
		reason string
		job    string
		want   string // in the message; empty: the job is accepted
	}{
		"Import":         {"what an import needs", head + `"operation": "Import", "source": {"http": {"url": "https://a.example/x"}}, "destination": {"path": "/d"}}`, ""},
		"ImportS3":       {"an object", head + `"operation": "Import", "source": {"s3": {"bucket": "b", "key": "k"}}, "destination": {"path": "/d"}}`, ""},
		"ImportImage":    {"an image", head + `"operation": "Import", "source": {"registry": {"image": "a.example/b:c"}}, "destination": {"path": "/d"}}`, ""},
		"Export":         {"what an export needs", head + `"operation": "Export", "source": {"file": {"path": "/d"}}, "artifact": {"format": "QCOW2", "s3": {"bucket": "b", "key": "k"}}}`, ""},
		"Remove":         {"no source is needed to remove", head + `"operation": "Remove", "artifact": {"format": "OCI", "registry": {"image": "a.example/b"}}}`, ""},
		"Version":        {"another release's document", `{"version": 9, "id": "x", "operation": "Import"}`, "version: is 9"},
		"Unknown":        {"a field that this mover does not know", head + `"operation": "Import", "colour": "red"}`, "colour"},
		"TwoDocuments":   {"one document only", head + `"operation": "Import", "source": {"file": {"path": "/s"}}, "destination": {"path": "/d"}} {}`, "followed by more"},
		"Operation":      {"a word that is no operation", head + `"operation": "Move"}`, `"Move" is none of`},
		"NoSource":       {"nothing to read", head + `"operation": "Import", "destination": {"path": "/d"}}`, "source: has 0 members"},
		"TwoSources":     {"two sources", head + `"operation": "Import", "source": {"file": {"path": "/s"}, "s3": {"bucket": "b", "key": "k"}}, "destination": {"path": "/d"}}`, "source: has 2 members"},
		"Password":       {"a secret in the URL", head + `"operation": "Import", "source": {"http": {"url": "https://u:hunter2@a.example/x"}}, "destination": {"path": "/d"}}`, "holds user information"},
		"NoKey":          {"an object without a key", head + `"operation": "Import", "source": {"s3": {"bucket": "b"}}, "destination": {"path": "/d"}}`, "source.s3.key: is missing"},
		"Endpoint":       {"an endpoint that is no URL", head + `"operation": "Import", "source": {"s3": {"bucket": "b", "key": "k", "endpoint": "a.example"}}, "destination": {"path": "/d"}}`, "source.s3.endpoint: scheme"},
		"Scheme":         {"an image with a scheme", head + `"operation": "Import", "source": {"registry": {"image": "docker://a.example/b"}}, "destination": {"path": "/d"}}`, "has a scheme"},
		"ImportArtifact": {"an import that makes an artifact", head + `"operation": "Import", "source": {"file": {"path": "/s"}}, "destination": {"path": "/d"}, "artifact": {"format": "Raw", "file": {"path": "/a"}}}`, "belongs to an export"},
		"ExportURL":      {"an export of what is no disk here", head + `"operation": "Export", "source": {"http": {"url": "https://a.example/x"}}, "artifact": {"format": "Raw", "file": {"path": "/a"}}}`, "wants source.file"},
		"Format":         {"a format that is not made", head + `"operation": "Export", "source": {"file": {"path": "/d"}}, "artifact": {"format": "VHD", "file": {"path": "/a"}}}`, `"VHD" is none of`},
		"Algorithm":      {"a compression that the format has not", head + `"operation": "Export", "source": {"file": {"path": "/d"}}, "artifact": {"format": "QCOW2", "compression": {"algorithm": "Gzip"}, "file": {"path": "/a"}}}`, "QCOW2 can be one of"},
		"Level":          {"a level that the algorithm has not", head + `"operation": "Export", "source": {"file": {"path": "/d"}}, "artifact": {"format": "QCOW2", "compression": {"algorithm": "Zlib", "level": 10}, "file": {"path": "/a"}}}`, "wants 1 to 9"},
		"RawToRegistry":  {"a registry takes images", head + `"operation": "Export", "source": {"file": {"path": "/d"}}, "artifact": {"format": "Raw", "registry": {"image": "a.example/b"}}}`, "a registry takes OCI"},
		"OCIToFile":      {"an image has no file", head + `"operation": "Export", "source": {"file": {"path": "/d"}}, "artifact": {"format": "OCI", "file": {"path": "/a"}}}`, "goes to a registry only"},
		"Method":         {"a method that uploads nothing", head + `"operation": "Export", "source": {"file": {"path": "/d"}}, "artifact": {"format": "Raw", "http": {"url": "https://a.example/x", "method": "GET"}}}`, "neither PUT nor POST"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := transfer.ReadJob(strings.NewReader(tc.job))
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("%s: %v", tc.reason, err)
			case tc.want == "":
			case transfer.ReasonOf(err) != transfer.ReasonInvalidJob || !strings.Contains(err.Error(), tc.want):
				t.Errorf("%s: got %v, want %q", tc.reason, err, tc.want)
			case strings.Contains(err.Error(), "hunter2"):
				t.Errorf("%s: the error holds the password: %v", tc.reason, err)
			}
		})
	}
}

// TestNoted bounds a note, and leaves the room to what the next attempt needs.
func TestNoted(t *testing.T) {
	long := strings.Repeat("é", 5000)
	if got := (transfer.Result{}).Noted("other files"); got.Note != "other files" {
		t.Errorf("the note is %q", got.Note)
	}
	if got := (transfer.Result{}).Noted(long); len(got.Note) > 1024 || !strings.HasPrefix(long, strings.TrimSuffix(got.Note, "…")) {
		t.Errorf("the note has %d bytes", len(got.Note))
	}
	if got := (transfer.Result{Resume: "sealed"}).Noted(long); got.Note != "" {
		t.Errorf("the note has %d bytes beside what the next attempt needs", len(got.Note))
	}
}

// TestExitCodes checks that no two terminal reasons share a number, and that
// every reason says what it means and what to do.
func TestExitCodes(t *testing.T) {
	seen := map[int]transfer.Reason{}
	for _, r := range transfer.Reasons() {
		if r.Meaning() == "" || r.Advice() == "" {
			t.Errorf("%s: has no meaning or no advice", r)
		}
		if !r.Terminal() {
			continue
		}
		if other, ok := seen[r.ExitCode()]; ok {
			t.Errorf("%s and %s exit with %d", r, other, r.ExitCode())
		}
		seen[r.ExitCode()] = r
	}
}
