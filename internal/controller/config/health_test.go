// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
)

func TestCondition(t *testing.T) {
	unreachable := func(port int) error {
		return fmt.Errorf("cannot ask: %w", &url.Error{Op: "Get", URL: "https://10.0.0.1:6443/version", Err: fmt.Errorf("read tcp 10.0.0.2:%d: timeout", port)})
	}
	cases := map[string]struct {
		reason string
		err    error
		status corev1.ConditionStatus
		want   xpv2.ConditionReason
		says   string
	}{
		"Healthy":      {"A cluster that answers is healthy.", nil, "True", v1alpha1.ReasonTargetAnswers, ""},
		"Config":       {"A Secret that is missing is named.", &cluster.ConfigError{Missing: true, Err: errors.New("no Secret")}, "False", v1alpha1.ReasonCredentialsInvalid, "no Secret"},
		"Unauthorized": {"Credentials that are refused are named.", fmt.Errorf("cannot ask: %w", kerrors.NewUnauthorized("no")), "False", v1alpha1.ReasonCredentialsInvalid, "renew"},
		"Unreachable":  {"An address that does not answer is named.", unreachable(1), "False", v1alpha1.ReasonTargetUnreachable, "10.0.0.1:6443"},
		"Other":        {"Whatever else it is, it is not well.", errors.New("what"), "False", v1alpha1.ReasonTargetUnreachable, "does not answer as"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := condition(tc.err)
			if got.Status != tc.status || got.Reason != tc.want || !strings.Contains(got.Message, tc.says) {
				t.Errorf("%s\nwant %s %s with %q, got %+v", tc.reason, tc.status, tc.want, tc.says, got)
			}
		})
	}
	if !condition(unreachable(1)).Equal(condition(unreachable(2))) {
		t.Error("a condition must not change with a source port")
	}
}

func TestStoreCondition(t *testing.T) {
	if got := storeCondition("https://s3.example.com", nil); got.Status != "True" {
		t.Errorf("a store that answers is healthy, got %+v", got)
	}
	got := storeCondition("https://s3.example.com", errors.New("it answers 502 Bad Gateway"))
	if got.Status != "False" || got.Reason != v1alpha1.ReasonStoreUnreachable || !strings.Contains(got.Message, "https://s3.example.com") || !strings.Contains(got.Message, "502") {
		t.Errorf("a store that does not answer is named, got %+v", got)
	}
}
