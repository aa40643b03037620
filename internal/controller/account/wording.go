// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package account

import (
	"fmt"
	"strings"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/membership"
	"github.com/usher-dev/usher/internal/outbox"
	"github.com/usher-dev/usher/internal/store"
)

// mistakesShown is how many mistakes a condition names.
const mistakesShown = 5

// wordingVerdict returns what the account's condition TemplatesReady says of its own wording; nil if it has none.
func wordingVerdict(account *usherv1.Account, w *outbox.Wording) *membership.TemplatesVerdict {
	name := store.TemplatesRef(account)
	switch {
	case w == nil:
		return nil
	case w.Withheld:
		return &membership.TemplatesVerdict{Reason: usherv1.ReasonOwnServerRequired, Message: "The account sends through the platform's " +
			"mail server, and the platform words the mails from there; to use own wording, name an SMTP Secret of the account's own in " +
			"spec.mail.secretRef, or ask the platform to allow it (--allow-tenant-wording). Until then Usher uses its own wording"}
	case w.Missing:
		return &membership.TemplatesVerdict{Reason: usherv1.ReasonConfigMapNotFound, Message: fmt.Sprintf(
			"There is no ConfigMap %s in namespace %s; create it or remove spec.mail.templatesRef. Until then Usher uses its own wording",
			name, account.Namespace)}
	case len(w.Mistakes) > 0:
		var b strings.Builder
		for _, mistake := range w.Mistakes[:min(len(w.Mistakes), mistakesShown)] {
			fmt.Fprintf(&b, "%s; ", mistake)
		}
		if more := len(w.Mistakes) - mistakesShown; more > 0 {
			fmt.Fprintf(&b, "and %d more; ", more)
		}
		return &membership.TemplatesVerdict{Reason: usherv1.ReasonTemplateInvalid, Message: fmt.Sprintf(
			"ConfigMap %s: %suntil then Usher uses its own wording for these mails", name, b.String())}
	}
	return &membership.TemplatesVerdict{Ready: true, Reason: usherv1.ReasonTemplatesReady, Message: "The account's own wording is used"}
}
