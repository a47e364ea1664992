// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// lastModified is when the artifact was that is on a server without tags.
const lastModified = "Mon, 05 Jan 2026 03:04:05 GMT"

// place is a web server, a bucket and a registry at once, with one artifact.
func place(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("HEAD /backups/vm.qcow2", func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "Credential=id/") && r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("ETag", `"tag"`)
		w.Header().Set("Content-Length", "42")
	})
	mux.HandleFunc("HEAD /backups/summed.qcow2", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"of-a-copy"`)
		if r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
			w.Header().Set("X-Amz-Checksum-Crc64nvme", "rosUhgp5mIg=")
		}
		w.Header().Set("Content-Length", "42")
	})
	mux.HandleFunc("GET /backups/{key}", func(w http.ResponseWriter, r *http.Request) {
		code := "NoSuchKey"
		if strings.Contains(r.Header.Get("Authorization"), "Credential=stranger/") {
			code = "XAdminUserNotFound" // versitygw's word for a key that it does not know
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>no</Message></Error>")
	})
	mux.HandleFunc("HEAD /dav/vm.qcow2", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", lastModified)
		w.Header().Set("Content-Length", "42")
	})
	mux.HandleFunc("HEAD /v2/vms/a/manifests/b", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer for-u" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="s"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Docker-Content-Digest", "sha256:beef")
	})
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if password != "p" || r.FormValue("scope") != "repository:vms/a:pull" && r.FormValue("scope") != "repository:vms/none:pull" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": "for-" + user})
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestAsk(t *testing.T) {
	s := place(t)
	host := strings.TrimPrefix(s.URL, "http://")
	closed, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	bucket := func(key string) *transfer.Artifact {
		return &transfer.Artifact{S3: &transfer.S3Object{Endpoint: s.URL, Bucket: "backups", Key: key}}
	}
	image := func(name string) *transfer.Artifact {
		return &transfer.Artifact{Registry: &transfer.RegistryImage{Image: host + "/vms/" + name, PlainHTTP: true}}
	}
	server := func(at string) *transfer.Artifact {
		return &transfer.Artifact{HTTP: &transfer.HTTPUpload{HTTPSource: transfer.HTTPSource{URL: at}}}
	}
	made := transfer.ArtifactFacts{Validator: "tag", Digest: "sha256:beef", Size: 42}
	other := transfer.ArtifactFacts{Validator: "other", Digest: "sha256:cafe", Size: 42}
	keys := map[string][]byte{"accessKeyId": []byte("id"), "secretAccessKey": []byte("key")}
	login := map[string][]byte{".dockerconfigjson": []byte(`{"auths":{"` + host + `":{"auth":"dTpw"}}}`)}
	token := map[string][]byte{"token": []byte("token")}
	loopback := transfer.Policy{AllowedNetworks: []string{"127.0.0.0/8"}}

	cases := map[string]struct {
		reason string
		q      Question
		want   Verdict
		fails  bool
	}{
		"S3":              {"An object that is there is there.", Question{bucket("vm.qcow2"), made, keys, loopback}, Present, false},
		"S3Changed":       {"Another entity tag is another object.", Question{bucket("vm.qcow2"), other, keys, loopback}, Changed, false},
		"S3Size":          {"Another size is another object.", Question{bucket("vm.qcow2"), transfer.ArtifactFacts{Validator: "tag", Size: 41}, keys, loopback}, Changed, false},
		"S3Copy":          {"A copy with the checksum of the artifact is the artifact.", Question{bucket("summed.qcow2"), transfer.ArtifactFacts{Validator: "tag", Digest: "crc64nvme:ae8b14860a799888", Size: 42}, keys, loopback}, Present, false},
		"S3OtherSum":      {"Another checksum is another object.", Question{bucket("summed.qcow2"), transfer.ArtifactFacts{Validator: "of-a-copy", Digest: "crc64nvme:ae8b14860a799889", Size: 42}, keys, loopback}, Changed, false},
		"S3NoSum":         {"Where the store tells none the entity tag counts.", Question{bucket("vm.qcow2"), transfer.ArtifactFacts{Validator: "tag", Digest: "crc64nvme:ae8b14860a799888", Size: 42}, keys, loopback}, Present, false},
		"S3Stranger":      {"To whom nothing is shown, nothing is missing.", Question{bucket("none"), made, map[string][]byte{"accessKeyId": []byte("stranger"), "secretAccessKey": []byte("key")}, loopback}, Unknown, true},
		"S3Missing":       {"An object that is gone is missing.", Question{bucket("none"), made, keys, loopback}, Missing, false},
		"S3Refused":       {"Who may not look does not know.", Question{bucket("vm.qcow2"), made, map[string][]byte{"accessKeyId": []byte("x"), "secretAccessKey": []byte("key")}, loopback}, Unknown, true},
		"S3Anonymous":     {"The provider's own keys are not used.", Question{bucket("vm.qcow2"), made, nil, loopback}, Unknown, false},
		"Registry":        {"A tag that leads to the digest is the image.", Question{image("a:b"), made, login, loopback}, Present, false},
		"RegistryChanged": {"A tag that leads elsewhere is another.", Question{image("a:b"), other, login, loopback}, Changed, false},
		"RegistryMissing": {"A tag that is gone is missing.", Question{image("none:b"), made, login, loopback}, Missing, false},
		"RegistryRefused": {"Who may not look does not know.", Question{image("a:b"), made, nil, loopback}, Unknown, true},
		"HTTP":            {"A file that is there is there.", Question{server(s.URL + "/backups/vm.qcow2"), made, token, loopback}, Present, false},
		"HTTPSize":        {"Another size is another file.", Question{server(s.URL + "/backups/vm.qcow2"), transfer.ArtifactFacts{Size: 1}, token, loopback}, Changed, false},
		"HTTPDate":        {"A server without tags has times.", Question{server(s.URL + "/dav/vm.qcow2"), transfer.ArtifactFacts{Validator: lastModified, Size: 42}, nil, loopback}, Present, false},
		"HTTPOtherDate":   {"Another time is another file.", Question{server(s.URL + "/dav/vm.qcow2"), transfer.ArtifactFacts{Validator: "Mon, 05 Jan 2026 03:04:04 GMT", Size: 42}, nil, loopback}, Changed, false},
		"HTTPLostTag":     {"A tag that is not told any more says nothing.", Question{server(s.URL + "/dav/vm.qcow2"), made, nil, loopback}, Present, false},
		"HTTPPosted":      {"What was posted is not necessarily at its URL.", Question{&transfer.Artifact{HTTP: &transfer.HTTPUpload{HTTPSource: transfer.HTTPSource{URL: s.URL + "/none"}, Method: "POST"}}, made, nil, loopback}, Unknown, false},
		"HTTPMissing":     {"A file that is gone is missing.", Question{server(s.URL + "/none"), made, token, loopback}, Missing, false},
		"HTTPSilent":      {"A server that does not answer says nothing.", Question{server(closed.String()), made, token, loopback}, Unknown, true},
		"Policy":          {"The provider's own machine is not asked.", Question{server(s.URL + "/none"), made, token, transfer.Policy{}}, Unknown, true},
		"PolicyHost":      {"Nor a host that the policy does not name.", Question{server(s.URL + "/none"), made, token, transfer.Policy{AllowedNetworks: loopback.AllowedNetworks, AllowedHosts: []string{"*.example.com"}}}, Unknown, true},
		"PolicyHTTPS":     {"Nor one without TLS.", Question{server(s.URL + "/none"), made, token, transfer.Policy{AllowedNetworks: loopback.AllowedNetworks, RefusePlainHTTP: true}}, Unknown, true},
		"File":            {"Claims are not asked.", Question{&transfer.Artifact{File: &transfer.FileTarget{Path: "/target/a"}}, made, nil, loopback}, Unknown, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := New().Ask(t.Context(), tc.q)
			if got.Verdict != tc.want || (err != nil) != tc.fails {
				t.Errorf("%s\nAsk: want %s, error %t; got %s, %v", tc.reason, tc.want, tc.fails, got.Verdict, err)
			}
		})
	}
	t.Run("Validator", func(t *testing.T) {
		for path, want := range map[string]string{"/backups/vm.qcow2": `"tag"`, "/dav/vm.qcow2": lastModified} {
			got, err := New().Ask(t.Context(), Question{server(s.URL + path), transfer.ArtifactFacts{Size: 42}, token, loopback})
			if err != nil || got != (Answer{Present, want}) {
				t.Errorf("%s: what had no name when it was made has one now: want %q, got %+v, %v", path, want, got, err)
			}
		}
	})
}
