// SPDX-License-Identifier: Apache-2.0

package policydoc_test

import (
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/clients/bucket/policydoc"
)

const policy = `{"Version":"2012-10-17","Statement":[
	{"Sid":"a","Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]},
	{"Sid":"b","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

func TestSame(t *testing.T) {
	cases := map[string]struct {
		reason string
		other  string
		same   bool
	}{
		"Itself": {"a policy means what it means", policy, true},
		"Spelling": {"order, lists of one, case of actions, principals and truth values are spelling", `{"Statement":[
			{"Condition":{"Bool":{"aws:SecureTransport":[false]}},"Resource":["arn:aws:s3:::b/*"],"Action":["S3:*"],"Principal":{"AWS":["123456789012"]},"Effect":"Deny","Sid":"b"},
			{"Principal":{"AWS":"*"},"Sid":"a","Effect":"Allow","Action":["s3:listbucket","s3:GetObject","s3:GetObject"],"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b"]}],"Version":"2012-10-17"}`, true},
		"Action":    {"another action is another policy", strings.ReplaceAll(policy, "s3:GetObject", "s3:PutObject"), false},
		"Effect":    {"another effect is another policy", strings.ReplaceAll(policy, `"Effect":"Deny"`, `"Effect":"Allow"`), false},
		"Resource":  {"resources have a case", strings.ReplaceAll(policy, "arn:aws:s3:::b/*", "arn:aws:s3:::B/*"), false},
		"Principal": {"another account is another policy", strings.ReplaceAll(policy, "123456789012", "123456789013"), false},
		"Version":   {"the default version is another one", strings.ReplaceAll(policy, `"Version":"2012-10-17",`, ""), false},
		"Less":      {"a statement fewer is another policy", `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}]}`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, pair := range [][2]string{{policy, tc.other}, {tc.other, policy}} {
				same, err := policydoc.Same(pair[0], pair[1])
				if err != nil || same != tc.same {
					t.Errorf("%s: got %t, %v", tc.reason, same, err)
				}
			}
		})
	}
}

func TestOneStatement(t *testing.T) {
	same, err := policydoc.Same(`{"Statement":[{"Effect":"Deny"}]}`, `{"Version":"2008-10-17","Statement":{"Effect":"Deny"}}`)
	if err != nil || !same {
		t.Errorf("a list of one statement and the default version are spelling: %t, %v", same, err)
	}
}

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		ok     bool
	}{
		"Object": {"an object may be a policy", `{"Statement":[]}`, true},
		"List":   {"a list is none", `[]`, false},
		"Null":   {"null is none", `null`, false},
		"Two":    {"two objects are not one", `{} {}`, false},
		"Half":   {"half an object is none", `{"Statement":`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := policydoc.Check(tc.text); (err == nil) != tc.ok {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}
