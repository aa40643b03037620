// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AccountSpec is what the customer company is called, how it is reached, and how it invites.
type AccountSpec struct {
	// displayName is the company's name as mails and pages show it. Example: `Acme SAS`.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	DisplayName Line `json:"displayName,omitempty"`

	// state is `Active` (default) or `Disabled`. While an account is disabled none of its members has access, nobody is
	// invited, and every seat is kept.
	//
	// +optional
	// +kubebuilder:default=Active
	State State `json:"state,omitempty"`

	// language of mails and pages for members that name none: one of `de`, `en-GB` (default), `en-US`, `es`, `fr`, `it`, `nl`.
	//
	// +optional
	// +kubebuilder:default=en-GB
	Language Language `json:"language,omitempty"`

	// planRef names the Plan that the account is on. Default: none; then no seats are included, and the roles are `admin` and
	// `member`.
	//
	// +optional
	PlanRef *PlanReference `json:"planRef,omitempty"`

	// addOns are those of the plan's add-ons that the account has. Default: none. Example: `["pipelines"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	AddOns []string `json:"addOns,omitempty"`

	// contact is the company's own profile, shown to members as whom to ask.
	//
	// +optional
	Contact *AccountContact `json:"contact,omitempty"`

	// productURL is where a new member is sent after accepting. Default: none, and the page just says welcome.
	// Example: `https://app.acme.example`.
	//
	// +optional
	ProductURL WebURL `json:"productURL,omitempty"`

	// termsURL leads to the terms that an invitee must accept; it is recorded when they do. Default: none, and no terms
	// are asked for. Example: `https://acme.example/terms`.
	//
	// +optional
	TermsURL WebURL `json:"termsURL,omitempty"`

	// branding tells how this account's pages look. Default: Usher's own look.
	//
	// +optional
	Branding *AccountBranding `json:"branding,omitempty"`

	// mail tells how this account's mails are sent. Default: the operator's SMTP Secret.
	//
	// +optional
	Mail *AccountMail `json:"mail,omitempty"`

	// invitations tells how this account invites.
	//
	// +optional
	// +kubebuilder:default={}
	Invitations InvitationDefaults `json:"invitations,omitempty,omitzero"`

	// access tells who else gets at what the account's members have access to, and in which other form.
	//
	// +optional
	Access *AccountAccess `json:"access,omitempty"`

	// retainFormerMembers is how many deleted members status.formerMembers remembers: 0 to 50 (default).
	//
	// +optional
	// +kubebuilder:default=50
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=50
	RetainFormerMembers *int32 `json:"retainFormerMembers,omitempty"`
}

// AccountAccess tells who else gets at what the account's members have access to, and in which other form.
type AccountAccess struct {
	// htpasswdSecret names a Secret, in the account's namespace, that Usher makes and keeps current: its key `auth` is a password
	// file (htpasswd), where ingress-nginx looks for one, with a line `<e-mail address>:<bcrypt hash>` for each Active
	// member who has chosen a password. A Secret of that name that Usher did not make is left alone. Default: none.
	// Example: `acme-htpasswd`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be a Secret's name: lower-case letters, digits, hyphens and dots",reason=FieldValueInvalid
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('usher-')",message="must not begin with usher-, as the Secrets do in which Usher keeps other things",reason=FieldValueInvalid
	HtpasswdSecret string `json:"htpasswdSecret,omitempty"`

	// supportGroup names an RBAC group, such as the vendor's agents, that while it is set has what every role of the account
	// has. Default: none. Example: `vendor:agents`.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SupportGroup Line `json:"supportGroup,omitempty"`
}

// WebURL is an absolute http or https URL. Example: `https://app.acme.example`.
//
// +kubebuilder:validation:MaxLength=2048
// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && size(url(self).getHost()) > 0",message="must be an absolute URL that starts with https:// or http://",reason=FieldValueInvalid
type WebURL string

// AccountContact is the company's own profile.
type AccountContact struct {
	// email of whom to ask at the company. Example: `it@acme.example`.
	//
	// +optional
	Email EmailAddress `json:"email,omitempty"`

	// phone of whom to ask at the company, as it is dialled. Example: `+33 1 23 45 67 89`.
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

// AccountMail tells how an account's mails are sent.
type AccountMail struct {
	// delivery is `SMTP` (default) or `Link`. With `Link` nothing is mailed, invitations and reminders alike: an invitation counts as
	// sent at once, and its link is given to whoever may `getlink` on it, by the manager's link endpoint.
	//
	// +optional
	// +kubebuilder:default=SMTP
	Delivery MailDelivery `json:"delivery,omitempty"`

	// secretRef names the account's SMTP Secret, in the account's namespace. Default: the operator's own Secret.
	//
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// templatesRef names a ConfigMap, in the account's namespace, with the account's own wording of its mails. Its keys are
	// `<language>.<mail>.<part>`: the mail is `invitation` or `reminder`, the part `subject`, `txt` or `html`, such as
	// `fr.invitation.html`. Mails without templates, or with a mistake in them, are Usher's own; the condition TemplatesReady says
	// which mistake. Default: none. Example: `acme-mails`.
	//
	// +optional
	TemplatesRef *ConfigMapReference `json:"templatesRef,omitempty"`

	// replyTo is where answers to an invitation go. Default: none, answers go to the sender. Example: `it@acme.example`.
	//
	// +optional
	ReplyTo EmailAddress `json:"replyTo,omitempty"`
}

// MailDelivery is how a link gets to its invitee.
//
// +kubebuilder:validation:Enum=SMTP;Link
type MailDelivery string

const (
	// DeliverySMTP mails it.
	DeliverySMTP MailDelivery = "SMTP"
	// DeliveryLink leaves it to somebody who is allowed to get it.
	DeliveryLink MailDelivery = "Link"
)

// PasswordFile is the name of the Secret with the account's password file; empty if it is to have none.
func (a *Account) PasswordFile() string {
	if a.Spec.Access == nil {
		return ""
	}
	return a.Spec.Access.HtpasswdSecret
}

// DeliversByLink tells whether an account's links are handed out and not mailed.
func (a *Account) DeliversByLink() bool {
	return a.Spec.Mail != nil && a.Spec.Mail.Delivery == DeliveryLink
}

// InvitationDefaults tells how an account invites.
type InvitationDefaults struct {
	// ttl is how long a link works, counted from the moment a mail server accepted the mail: `1m` to `720h`, default `168h`
	// (seven days). Example: `72h`.
	//
	// +optional
	// +kubebuilder:default="168h"
	TTL TTL `json:"ttl,omitempty"`

	// reminders are how long before a link expires its invitee is reminded, by a mail with the same link: up to five durations from
	// `1m` to `720h`. One that is not shorter than the ttl is passed over; so is one that could not be sent before half of its time
	// was gone. Default: one, `48h`; `[]` reminds nobody. Example: `["72h", "24h"]`.
	//
	// +optional
	// +listType=set
	// +kubebuilder:default={"48h"}
	// +kubebuilder:validation:MaxItems=5
	Reminders []Lead `json:"reminders,omitzero"`
}

// Account is a customer company: the frame that members belong to.
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
	// metadata is the object's name, namespace, labels and the rest.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is what the author of the account wants.
	//
	// +required
	Spec AccountSpec `json:"spec,omitempty,omitzero"`

	// status is what Usher last saw. It can be lost: Usher makes it again.
	//
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
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
