// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 defines Usher's API: the kinds that users write, and the states, conditions and reasons that Usher
// reports.
//
// +kubebuilder:object:generate=true
// +groupName=usher.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the group and version of every kind in this package.
	GroupVersion = schema.GroupVersion{Group: "usher.dev", Version: "v1alpha1"}

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Account{}, &AccountList{},
		&SeatPool{}, &SeatPoolList{},
		&Member{}, &MemberList{},
		&Invitation{}, &InvitationList{},
		&Plan{}, &PlanList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
