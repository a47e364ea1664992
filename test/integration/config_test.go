// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/s3test/loopback"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// TestTargetFromSecret imports through a kubeconfig in a Secret of the
// namespace, and says what is wrong with one that cannot be used.
func TestTargetFromSecret(t *testing.T) {
	start(t)
	ns := namespace(t)
	pc := &v1alpha1.ProviderConfig{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "remote"},
		Spec: v1alpha1.ProviderConfigSpec{Target: v1alpha1.LocalTarget{
			Source:    v1alpha1.TargetSecret,
			SecretRef: &xpv2.LocalSecretKeySelector{LocalSecretReference: xpv2.LocalSecretReference{Name: "cluster"}, Key: "kubeconfig"},
		}},
	}
	must(t, kube.client.Create(t.Context(), pc))
	cr := newImport(t, ns, "far", func(cr *diskv1alpha1.DiskImport) {
		cr.Spec.ProviderConfigReference = &xpv2.ProviderConfigReference{Kind: "ProviderConfig", Name: "remote"}
	})
	reach(t, cr, diskv1alpha1.PhasePending, diskv1alpha1.ReasonProviderConfigNotFound)
	health(t, pc, corev1.ConditionFalse, v1alpha1.ReasonCredentialsInvalid)

	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "cluster"}, StringData: map[string]string{"kubeconfig": kubeconfig("nobody")}}
	must(t, kube.client.Create(t.Context(), s))
	touch(t, pc)
	health(t, pc, corev1.ConditionFalse, v1alpha1.ReasonCredentialsInvalid)

	s.StringData = map[string]string{"kubeconfig": kubeconfig(token)}
	must(t, kube.client.Update(t.Context(), s))
	touch(t, pc)
	health(t, pc, corev1.ConditionTrue, v1alpha1.ReasonTargetAnswers)
	reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	if pc.Status.Users != 1 {
		t.Errorf("one import uses the configuration, it says %d", pc.Status.Users)
	}
	must(t, kube.client.Delete(t.Context(), pc))
	must(t, get(t, pc)) // It stays while it is used.
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	gone(t, pc)
}

// TestStoreHealth follows an S3 store that is not there, comes, goes, and is
// broken behind an address that answers.
func TestStoreHealth(t *testing.T) {
	t.Parallel()
	start(t)
	program, err := gateway()
	must(t, err)
	ns, address := namespace(t), loopback.FreeAddress(t)
	pc := &v1alpha1.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "store"}}
	pc.Spec.Policy.AllowedNetworks = []string{"127.0.0.0/8"}
	pc.Spec.S3 = &v1alpha1.S3{Endpoint: "http://" + address}
	must(t, kube.client.Create(t.Context(), pc))
	unreachable := func(t *testing.T, says string) {
		t.Helper()
		health(t, pc, corev1.ConditionFalse, v1alpha1.ReasonStoreUnreachable)
		if m := pc.GetCondition(v1alpha1.TypeHealthy).Message; !strings.Contains(m, pc.Spec.S3.Endpoint) || !strings.Contains(m, says) {
			t.Errorf("the message does not name the store and %q: %s", says, m)
		}
	}
	unreachable(t, "refused")
	t.Run("Runs", func(t *testing.T) { // The server ends with it.
		s := versity.StartAt(t, program, t.TempDir(), address)
		touch(t, pc)
		health(t, pc, corev1.ConditionTrue, v1alpha1.ReasonTargetAnswers)

		proxy := versity.NewProxy(t, s)
		proxy.Set(versity.Times(versity.Always, versity.Any, versity.Answer(503, "SlowDown", "no")))
		change(t, pc, func() { pc.Spec.S3.Endpoint = proxy.URL })
		unreachable(t, "503")
		proxy.Set(nil)
		touch(t, pc)
		health(t, pc, corev1.ConditionTrue, v1alpha1.ReasonTargetAnswers)
		change(t, pc, func() { pc.Spec.S3.Endpoint = s.URL })
	})
	touch(t, pc)
	unreachable(t, "refused")
	t.Run("RunsAgain", func(t *testing.T) {
		versity.StartAt(t, program, t.TempDir(), address)
		// Nobody tells: it is asked once a minute.
		health(t, pc, corev1.ConditionTrue, v1alpha1.ReasonTargetAnswers)
	})
}

func kubeconfig(token string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: %s}}]
`, kube.cfg.Host, token)
}

// touch makes the provider look at a configuration now.
func touch(t *testing.T, pc *v1alpha1.ProviderConfig) {
	t.Helper()
	within(t, "the configuration should change", func() error {
		if err := get(t, pc); err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&pc.ObjectMeta, "touched", pc.ResourceVersion)
		return kube.client.Update(t.Context(), pc)
	})
}

func health(t *testing.T, pc *v1alpha1.ProviderConfig, s corev1.ConditionStatus, r xpv2.ConditionReason) {
	t.Helper()
	within(t, fmt.Sprintf("the configuration should be healthy: %s %s", s, r), func() error {
		if err := get(t, pc); err != nil {
			return err
		}
		if c := pc.GetCondition(v1alpha1.TypeHealthy); c.Status != s || c.Reason != r {
			return fmt.Errorf("it is %s %s: %s", c.Status, c.Reason, c.Message)
		}
		return nil
	})
}
