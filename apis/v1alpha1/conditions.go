// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TypeHealthy says whether the target cluster of a configuration answers, and
// the S3 store that it names.
const TypeHealthy = xpv2.TypeHealthy

// Reasons why a configuration is or is not healthy.
const (
	ReasonTargetAnswers      xpv2.ConditionReason = "TargetAnswers"
	ReasonTargetUnreachable  xpv2.ConditionReason = "TargetUnreachable"
	ReasonCredentialsInvalid xpv2.ConditionReason = "CredentialsInvalid"
	ReasonStoreUnreachable   xpv2.ConditionReason = "StoreUnreachable"
)

// Healthy is the condition of a configuration whose target cluster answers, and
// the S3 store that it names.
func Healthy() xpv2.Condition {
	return xpv2.Condition{
		Type:               TypeHealthy,
		Status:             corev1.ConditionTrue,
		LastTransitionTime: metav1.Now(),
		Reason:             ReasonTargetAnswers,
	}
}

// Unhealthy is the condition of a configuration whose target cluster cannot
// be used, and why.
func Unhealthy(r xpv2.ConditionReason, message string) xpv2.Condition {
	return xpv2.Condition{
		Type:               TypeHealthy,
		Status:             corev1.ConditionFalse,
		LastTransitionTime: metav1.Now(),
		Reason:             r,
		Message:            message,
	}
}
