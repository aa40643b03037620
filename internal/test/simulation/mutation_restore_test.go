// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/credentials"
)

// rewritten is a client that changes what is read: each object, as a copy.
func rewritten(c client.Client, change func(client.Object)) client.Client {
	return &tampered{
		Client: c,
		get: func(_ client.ObjectKey, o client.Object, next func() error) error {
			err := next()
			if err == nil {
				change(o)
			}
			return err
		},
		list: func(list client.ObjectList, next func() error) error {
			err := next()
			switch list := list.(type) {
			case *usherv1.MemberList:
				for i := range list.Items {
					m := list.Items[i].DeepCopy()
					change(m)
					list.Items[i] = *m
				}
			case *metav1.PartialObjectMetadataList:
				for i := range list.Items {
					change(&list.Items[i])
				}
			}
			return err
		},
	}
}

// withoutMark hides an annotation of Members and their credentials.
func withoutMark(annotation string) func(ClientSite, client.Client) client.Client {
	return func(_ ClientSite, c client.Client) client.Client {
		return rewritten(c, func(o client.Object) { delete(o.GetAnnotations(), annotation) })
	}
}

// credulous makes every Invitation one of the future: a clock that shows a time before an object was made doubts nothing.
func credulous(_ ClientSite, c client.Client) client.Client {
	return rewritten(c, func(o client.Object) {
		if inv, ok := o.(*usherv1.Invitation); ok {
			inv.CreationTimestamp = metav1.Time{Time: epoch.Add(10 * 365 * 24 * time.Hour)}
		}
	})
}

// takeForOurs gives every Secret of a user the type and the signature of credentials.
func takeForOurs(at ClientSite, c client.Client) client.Client {
	return rewritten(c, func(o client.Object) {
		secret, ok := o.(*corev1.Secret)
		if !ok || !ofUser(secret) {
			return
		}
		signer, err := credentials.SignerOf(at.Keys)
		if err != nil {
			panic(err) // the key is a constant
		}
		secret.Type = credentials.Type
		signer.Sign(secret)
	})
}
