// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/usher-dev/usher/api/v1alpha1"
)

// Conditions returns the conditions of an Account, SeatPool, Member or Invitation; a slice of conditions is returned as it is.
func Conditions(object any) ([]metav1.Condition, error) {
	switch o := object.(type) {
	case *v1alpha1.Account:
		return o.Status.Conditions, nil
	case *v1alpha1.SeatPool:
		return o.Status.Conditions, nil
	case *v1alpha1.Member:
		return o.Status.Conditions, nil
	case *v1alpha1.Invitation:
		return o.Status.Conditions, nil
	case []metav1.Condition:
		return o, nil
	}
	return nil, fmt.Errorf("expected a pointer to one of Usher's kinds or []metav1.Condition, got %T", object)
}

// HaveCondition succeeds if the object has a condition of the type with that status and reason:
//
//	Eventually(komega.Object(ada)).Should(testkit.HaveCondition("Ready", metav1.ConditionFalse, v1alpha1.ReasonSeatUnavailable))
//
// No reason means any. A failure shows all conditions of the object.
func HaveCondition(conditionType string, status metav1.ConditionStatus, reason ...string) types.GomegaMatcher {
	return &conditionMatcher{conditionType: conditionType, status: status, reason: reason}
}

// HaveNoCondition succeeds if the object has no condition of the type, neither True nor False.
func HaveNoCondition(conditionType string) types.GomegaMatcher {
	return &conditionMatcher{conditionType: conditionType, absent: true}
}

type conditionMatcher struct {
	conditionType string
	status        metav1.ConditionStatus
	reason        []string
	absent        bool
}

func (m *conditionMatcher) Match(actual any) (bool, error) {
	if len(m.reason) > 1 {
		return false, errors.New("HaveCondition takes one reason at most")
	}
	conditions, err := Conditions(actual)
	if err != nil {
		return false, err
	}
	condition := meta.FindStatusCondition(conditions, m.conditionType)
	if condition == nil || m.absent {
		return (condition == nil) == m.absent, nil
	}
	return condition.Status == m.status && (len(m.reason) == 0 || condition.Reason == m.reason[0]), nil
}

func (m *conditionMatcher) FailureMessage(actual any) string {
	return "Expected\n" + table(actual) + "to have " + m.wanted()
}

func (m *conditionMatcher) NegatedFailureMessage(actual any) string {
	return "Expected\n" + table(actual) + "not to have " + m.wanted()
}

func (m *conditionMatcher) wanted() string {
	if m.absent {
		return "no condition " + m.conditionType
	}
	return strings.Join(append([]string{"condition " + m.conditionType + "=" + string(m.status)}, m.reason...), "/")
}

// table formats conditions like `kubectl describe`, for failure messages.
func table(actual any) string {
	conditions, err := Conditions(actual)
	if err != nil || len(conditions) == 0 {
		return "    no conditions\n"
	}
	var out strings.Builder
	for _, c := range conditions {
		fmt.Fprintf(&out, "    %s=%s/%s (generation %d): %s\n", c.Type, c.Status, c.Reason, c.ObservedGeneration, c.Message)
	}
	return out.String()
}
