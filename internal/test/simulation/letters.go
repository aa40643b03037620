// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

// templatesName is the name of the ConfigMap with the account's templates.
const templatesName = "wording"

// reminders are sent an hour after the mail, and two days before the end.
var reminders = []usherv1.Lead{firstReminder, "48h"}

const firstReminder = usherv1.Lead("167h")

// templates that an account may have, by what they are.
var templates = map[string]map[string]string{
	"right": {"en-GB.invitation.txt": "{{.Link}}", "en-GB.invitation.html": `<a href="{{.Link}}">x</a>`},
	"wrong": {"en-GB.invitation.txt": "{{.Link}}", "en-GB.invitation.html": "{{.Lnik}}"},
}

func (w *world) word(as string) bool {
	if as == "" {
		return w.api.Delete(configMaps, named(templatesName), nil) == nil
	}
	wording := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: templatesName}, Data: templates[as]}
	stored := w.api.get(configMaps, named(templatesName))
	if stored == nil {
		return w.make(wording)
	}
	revision := stored.GetResourceVersion()
	return w.api.Update(wording) == nil && wording.ResourceVersion != revision
}
