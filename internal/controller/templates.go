// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/membership"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch

// mistakesShown is how many mistakes a condition names.
const mistakesShown = 5

// templates are an account's own, as they are read when they are needed; their contents are never cached.
type templates struct {
	wording  message.Wording
	mistakes []message.Mistake
	// missing tells that the ConfigMap is not there.
	missing bool
}

// templatesOf reads how an account words its mails; nil if it leaves them to Usher.
func templatesOf(ctx context.Context, live client.Reader, account *usherv1.Account) (*templates, error) {
	name := templatesRef(account)
	if name == "" {
		return nil, nil
	}
	source := &corev1.ConfigMap{}
	found, err := get(ctx, live, account.Namespace, name, source)
	if err != nil {
		return nil, err
	}
	t := &templates{missing: !found}
	t.wording, t.mistakes = message.ParseWording(source.Data)
	return t, nil
}

// verdict is what the account is told of its templates.
func (t *templates) verdict(account *usherv1.Account) *membership.TemplatesVerdict {
	name := templatesRef(account)
	switch {
	case t == nil:
		return nil
	case t.missing:
		return &membership.TemplatesVerdict{Reason: usherv1.ReasonConfigMapNotFound, Message: fmt.Sprintf(
			"There is no ConfigMap %s in namespace %s; create it or remove spec.mail.templatesRef. Meanwhile every mail is Usher's own", name, account.Namespace)}
	case len(t.mistakes) > 0:
		var b strings.Builder
		for _, mistake := range t.mistakes[:min(len(t.mistakes), mistakesShown)] {
			fmt.Fprintf(&b, "%s; ", mistake)
		}
		if more := len(t.mistakes) - mistakesShown; more > 0 {
			fmt.Fprintf(&b, "and %d more; ", more)
		}
		return &membership.TemplatesVerdict{Reason: usherv1.ReasonTemplateInvalid, Message: fmt.Sprintf(
			"ConfigMap %s: %smeanwhile Usher words these mails itself", name, b.String())}
	}
	return &membership.TemplatesVerdict{Ready: true, Reason: usherv1.ReasonTemplatesReady, Message: "The account's own wording is used"}
}

func templatesRef(a *usherv1.Account) string {
	if a.Spec.Mail != nil && a.Spec.Mail.TemplatesRef != nil {
		return a.Spec.Mail.TemplatesRef.Name
	}
	return ""
}
