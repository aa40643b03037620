// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccountSpec describes a customer company: its name, how to reach it, and how it invites members.
type AccountSpec struct {
	// displayName is the company's name as mails and pages show it. Example: `Acme SAS`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	DisplayName Line `json:"displayName,omitempty"`

	// state is `Active` (default) or `Disabled`. While an account is disabled, none of its members has access and no one
	// is invited, but every seat is kept.
	//
	// +optional
	// +kubebuilder:default=Active
	State State `json:"state,omitempty"`

	// language is used for mails and pages of members that name none, as a BCP 47 tag. Default: `en-GB`.
	//
	// +optional
	// +kubebuilder:default=en-GB
	Language Language `json:"language,omitempty"`

	// planRef names the account's Plan. Default: none; then no seats are included, and the roles are `admin` and `member`.
	//
	// +optional
	PlanRef *PlanReference `json:"planRef,omitempty"`

	// addOns are the add-ons of the plan that the account has. Default: none. Example: `["pipelines"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	AddOns []string `json:"addOns,omitempty"`

	// contact is how members reach the company; pages and mails show it. Default: what an account admin enters on the
	// portal's page /me.
	//
	// +optional
	Contact *AccountContact `json:"contact,omitempty"`

	// productURL is the address behind the button on the page that a new member sees after accepting. Default: none; the
	// page has no button. Example: `https://app.acme.example`.
	//
	// +optional
	ProductURL WebURL `json:"productURL,omitempty"`

	// termsURL is the address of the terms that an invitee must accept; the acceptance is recorded. Default: none; the
	// page asks for no consent. Example: `https://acme.example/terms`.
	//
	// +optional
	TermsURL WebURL `json:"termsURL,omitempty"`

	// branding is the look of this account's pages. Default: Usher's own look.
	//
	// +optional
	Branding *AccountBranding `json:"branding,omitempty"`

	// mail configures how this account's mails are sent. Default: through the operator's SMTP Secret.
	//
	// +optional
	Mail *AccountMail `json:"mail,omitempty"`

	// invitations configures how this account invites.
	//
	// +optional
	// +kubebuilder:default={}
	Invitations InvitationDefaults `json:"invitations,omitempty,omitzero"`

	// access grants the members' access to others, and publishes it in other forms than RBAC. Default: none.
	//
	// +optional
	Access *AccountAccess `json:"access,omitempty"`

	// retainFormerMembers is how many deleted members status.formerMembers lists: 0 to 50 (default).
	//
	// +optional
	// +kubebuilder:default=50
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=50
	RetainFormerMembers *int32 `json:"retainFormerMembers,omitempty"`
}

// AccountAccess grants the members' access to others, and publishes it in other forms than RBAC.
type AccountAccess struct {
	// htpasswdSecret names a Secret in the account's namespace that Usher creates and keeps up to date. Its key `auth`,
	// which ingress-nginx reads, is an htpasswd file with one line `<e-mail address>:<bcrypt hash>` for each Active member
	// who has chosen a password. Usher does not touch a Secret of that name that it did not create. Default: none.
	// Example: `acme-htpasswd`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be a Secret's name: lower-case letters, digits, hyphens and dots",reason=FieldValueInvalid
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('usher-')",message="must not begin with usher-, which is reserved for Usher's other Secrets; choose another name",reason=FieldValueInvalid
	HtpasswdSecret string `json:"htpasswdSecret,omitempty"`

	// supportGroup names an RBAC group, such as the vendor's support agents, that gets the access of every role of the
	// account while this field is set. Groups that Kubernetes itself assigns, whose names begin with `system:`, are refused:
	// all who are signed in have `system:authenticated`. Default: none. Example: `vendor:agents`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="must not begin with system:, which Kubernetes reserves for groups of its own, such as all who are signed in; name a group of your identity provider",reason=FieldValueInvalid
	SupportGroup Line `json:"supportGroup,omitempty"`
}

// WebURL is an absolute http or https URL. Example: `https://app.acme.example`.
//
// +kubebuilder:validation:MaxLength=2048
// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && size(url(self).getHost()) > 0",message="must be an absolute URL that starts with https:// or http://",reason=FieldValueInvalid
type WebURL string

// AccountContact is how to reach the company.
type AccountContact struct {
	// email is the company's address for questions. Example: `it@acme.example`.
	//
	// +optional
	Email EmailAddress `json:"email,omitempty"`

	// phone is the company's telephone number for questions. Example: `+33 1 23 45 67 89`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Phone Line `json:"phone,omitempty"`

	// address is the company's postal address; it may have several lines. Example: `12 rue de la Paix, Paris`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=500
	Address string `json:"address,omitempty"`
}

// AccountMail configures how an account's mails are sent.
type AccountMail struct {
	// delivery is `SMTP` (default) or `Link`. With `Link`, Usher sends no mails at all: an invitation counts as sent at
	// once, and the manager's link endpoint returns its link to users who have the verb `getlink` on the Invitation.
	//
	// +optional
	// +kubebuilder:default=SMTP
	Delivery MailDelivery `json:"delivery,omitempty"`

	// secretRef names the account's SMTP Secret, in the account's namespace. Default: the operator's own Secret.
	//
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// templatesRef names a ConfigMap in the account's namespace with the account's own wording of its mails. Its keys are
	// `<language>.<mail>.<part>`: the mail is `invitation` or `reminder`, the part is `subject`, `txt` or `html`, such as
	// `fr.invitation.html`. A mail without templates, or with a mistake in them, uses Usher's own wording; the condition
	// TemplatesReady names the mistake. Templates need secretRef, unless the platform allows them without. Default: none.
	// Example: `acme-mails`.
	//
	// +optional
	TemplatesRef *ConfigMapReference `json:"templatesRef,omitempty"`

	// replyTo is the address for replies to the account's mails. Default: none; replies go to the sender. Example:
	// `it@acme.example`.
	//
	// +optional
	ReplyTo EmailAddress `json:"replyTo,omitempty"`
}

// MailDelivery is how a link reaches its invitee.
//
// +kubebuilder:validation:Enum=SMTP;Link
type MailDelivery string

const (
	// DeliverySMTP sends the link by mail.
	DeliverySMTP MailDelivery = "SMTP"
	// DeliveryLink sends no mail; a user or program that is allowed to read the link passes it on.
	DeliveryLink MailDelivery = "Link"
)

// PasswordFile returns the name of the Secret with the account's password file, or "" if the account has none.
func (a *Account) PasswordFile() string {
	if a.Spec.Access == nil {
		return ""
	}
	return a.Spec.Access.HtpasswdSecret
}

// DeliversByLink reports whether the account's links are read from the link endpoint instead of being mailed.
func (a *Account) DeliversByLink() bool {
	return a.Spec.Mail != nil && a.Spec.Mail.Delivery == DeliveryLink
}

// InvitationDefaults configures how an account invites.
type InvitationDefaults struct {
	// ttl is how long a link works, counted from the moment a mail server accepted the mail: `1m` to `720h`, default
	// `168h` (seven days). Example: `72h`.
	//
	// +optional
	// +kubebuilder:default="168h"
	TTL TTL `json:"ttl,omitempty"`

	// reminders are how long before a link expires its invitee is reminded, by a mail with the same link: up to five
	// durations from `1m` to `720h`. Usher skips a reminder that is not shorter than the ttl, and one that it could not
	// send before half of its time had passed. Default: one, `48h`; `[]` sends none. Example: `["72h", "24h"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:default={"48h"}
	// +kubebuilder:validation:MaxItems=5
	Reminders []Lead `json:"reminders,omitzero"`
}

// Account is a customer company. Members, seat pools and invitations belong to one.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=acct,categories=usher
// +kubebuilder:printcolumn:name="Display",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Plan",type=string,JSONPath=`.spec.planRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.members.active`
// +kubebuilder:printcolumn:name="Pending",type=integer,JSONPath=`.status.members.pending`
// +kubebuilder:printcolumn:name="Seats",type=string,JSONPath=`.status.seatsSummary`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type Account struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata: name, namespace, labels and so on.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is the desired state of the account.
	//
	// +required
	Spec AccountSpec `json:"spec,omitempty,omitzero"`

	// status is the state of the account as Usher last observed it. If it is lost, Usher computes it again.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	// +structType=atomic
	Status AccountStatus `json:"status,omitempty,omitzero"`
}

// AccountList is a list of Accounts.
//
// +kubebuilder:object:root=true
type AccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Account `json:"items"`
}
