// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import "strings"

// trial is one value of one field that the API server accepts or refuses.
type trial struct {
	kind string
	// path is the field's; "[]" after a name stands for the only item of a list.
	path string
	// from is the value that the object is created with; nil means that it is created with value.
	from any
	// value is the value under test; absent removes the field.
	value any
	// refusal is a part of the API server's message; empty means that the value is accepted.
	refusal string
}

// absent stands for a missing value.
var absent = struct{}{}

// The API server's own messages, for rules without a message in the schema.
const (
	tooLong     = "Too long"
	tooShort    = "should be at least 1 chars long"
	tooShort3   = "should be at least 3 chars long"
	unsupported = "Unsupported value"
	tooSmall    = "should be greater than or equal to"
	tooBig      = "should be less than or equal to"
	tooMany     = "Too many"
	duplicate   = "Duplicate value"
	required    = "Required value"
)

// Usher's own messages.
const (
	badDomain       = "the domain after @ must consist of labels of 1 to 63 letters, digits and hyphens, separated by one dot each, that neither begin nor end with a hyphen"
	badEmail        = "must be one plain e-mail address such as ada@acme.example, without a display name, spaces or control characters"
	longEmail       = "must be at most 254 bytes long; letters outside ASCII take more than one"
	badLine         = "must be one line of text without control characters"
	badTTL          = "must be a duration from 1m to 720h, written in hours, minutes and seconds, such as 168h"
	badLead         = "must be a duration from 1m to 720h, written in hours, minutes and seconds, such as 48h"
	badURL          = "must be an absolute URL that starts with https:// or http://"
	badTime         = "must be a time as RFC 3339 writes it, with a capital T and Z, such as 2027-03-31T18:00:00Z"
	badColor        = "must be # and six hexadecimal digits, such as #0a7d4f"
	badImage        = "must be an absolute URL that starts with https:// and names a host, such as https://cdn.acme.example/logo.svg"
	badRight        = "must be resource:verb in lower case, such as orders:place"
	badRole         = "must be lower-case letters, digits and hyphens, such as admin"
	badAddOn        = "must be lower-case letters, digits and hyphens, such as pipelines"
	poolAccount     = "accountRef cannot be changed; create another SeatPool"
	poolAddOn       = "addOn cannot be changed; create another SeatPool"
	memberAccount   = "accountRef cannot be changed; delete the Member and create another"
	invitedMember   = "memberRef cannot be changed; delete the Invitation and create another"
	generationDown  = "sendGeneration cannot go down; raise it to send the invitation again"
	tooLateToRevoke = "an accepted invitation cannot be revoked; disable or delete the Member instead"
	ledgerFull      = "the ledger cannot grow beyond the pool's capacity; raise spec.seats to make room"
	activeWithout   = "an Active member must hold a seat of the base product; record a grant above releasedGrant, or another state"
	releasedGoesUp  = "releasedGrant cannot go down; keep the higher value"
	noDefaultRole   = "defaultRole must be one of the plan's roles; add the role to spec.roles, or name another"
	noOwnerRole     = "ownerRole must be one of the plan's roles; add the role to spec.roles, or name another"
	noInvitedRole   = "invitedRole must be one of the plan's roles; add the role to spec.roles, or name another"
	strangeRight    = "a role's rights must be among the plan's rights; add the missing right to spec.rights, or use * for all"
	oneRight        = "must name one right as resource:verb, such as orders:place; * is not allowed here"
	badLanguage     = "keys must be languages: "
	badPlaceholder  = "must not contain braces, except in the placeholder {owner}"
	badSecretName   = "must be a Secret's name: lower-case letters, digits, hyphens and dots"
	reservedGroup   = "must not begin with system:, which Kubernetes reserves for groups of its own, such as all who are signed in; name a group of your identity provider"
	ownSecretName   = "must not begin with usher-, which is reserved for Usher's other Secrets; choose another name"
	memberNameLimit = "metadata.name must be at most 240 characters long, because a Secret is named usher-member-<name>; choose a shorter name"
)

// rulesOfObjects concern more than one field; ledger_test.go, memberstatus_test.go, invitation_test.go and plan_test.go
// have specs for them.
var rulesOfObjects = []string{
	ledgerFull, activeWithout, releasedGoesUp, tooLateToRevoke, memberNameLimit, noDefaultRole, noOwnerRole, noInvitedRole, strangeRight,
}

func x(n int) string { return strings.Repeat("x", n) }

// trials covers every field that users write. The spec "have an accepted and a refused trial for every rule of the schema"
// checks that no rule is left out.
func trials() []trial {
	list := []trial{
		{kind: "Account", path: "spec", value: absent, refusal: required},
		{kind: "Account", path: "spec.displayName", value: absent, refusal: required},
		{kind: "Account", path: "spec.displayName", value: "", refusal: tooShort},
		{kind: "Account", path: "spec.displayName", value: "A"},
		{kind: "Account", path: "spec.displayName", value: strings.Repeat("é", 200)},
		{kind: "Account", path: "spec.displayName", value: x(201), refusal: tooLong},
		{kind: "Account", path: "spec.contact.address", value: "", refusal: tooShort},
		{kind: "Account", path: "spec.contact.address", value: "12 rue de la Paix\n75002 Paris"},
		{kind: "Account", path: "spec.contact.address", value: x(501), refusal: tooLong},
		{kind: "Account", path: "spec.mail", value: map[string]any{}},
		{kind: "Account", path: "spec.addOns", value: []any{"pipelines", "sales-engagement"}},
		{kind: "Account", path: "spec.addOns", value: []any{"pipelines", "pipelines"}, refusal: duplicate},
		{kind: "Account", path: "spec.addOns", value: numbered(16, "a%d", nil)},
		{kind: "Account", path: "spec.addOns", value: numbered(17, "a%d", nil), refusal: tooMany},
		{kind: "Account", path: "spec.addOns[]", value: "", refusal: tooShort},
		{kind: "Account", path: "spec.addOns[]", value: x(63)},
		{kind: "Account", path: "spec.addOns[]", value: x(64), refusal: tooLong},
		{kind: "Account", path: "spec.access", value: map[string]any{}},
		{kind: "Account", path: "spec.access.supportGroup", value: "system:authenticated", refusal: reservedGroup},
		{kind: "Account", path: "spec.access.supportGroup", value: "vendor:system:agents"},
		{kind: "Account", path: "spec.access.htpasswdSecret", value: "acme-htpasswd.v2"},
		{kind: "Account", path: "spec.access.htpasswdSecret", value: "", refusal: tooShort},
		{kind: "Account", path: "spec.access.htpasswdSecret", value: x(253)},
		{kind: "Account", path: "spec.access.htpasswdSecret", value: x(254), refusal: tooLong},
		{kind: "Account", path: "spec.access.htpasswdSecret", value: "Acme_Htpasswd", refusal: badSecretName},
		{kind: "Account", path: "spec.access.htpasswdSecret", value: "acme..htpasswd", refusal: badSecretName},
		{kind: "Account", path: "spec.access.htpasswdSecret", value: "usher-member-ada", refusal: ownSecretName},
		{kind: "Account", path: "spec.retainFormerMembers", value: int64(-1), refusal: tooSmall},
		{kind: "Account", path: "spec.retainFormerMembers", value: int64(0)},
		{kind: "Account", path: "spec.retainFormerMembers", value: int64(50)},
		{kind: "Account", path: "spec.retainFormerMembers", value: int64(51), refusal: tooBig},

		{kind: "SeatPool", path: "spec", value: absent, refusal: required},
		{kind: "SeatPool", path: "spec.accountRef", value: absent, refusal: required},
		{kind: "SeatPool", path: "spec.accountRef.name", from: "acme", value: "globex", refusal: poolAccount},
		{kind: "SeatPool", path: "spec.accountRef.name", from: "acme", value: "acme"},
		{kind: "SeatPool", path: "spec.seats", value: int64(-1), refusal: tooSmall},
		{kind: "SeatPool", path: "spec.seats", value: int64(0)},
		{kind: "SeatPool", path: "spec.seats", value: int64(10000)},
		{kind: "SeatPool", path: "spec.seats", value: int64(10001), refusal: tooBig},
		{kind: "SeatPool", path: "spec.seats", value: 2.5, refusal: "must be of type int32"},
		{kind: "SeatPool", path: "spec.seats", from: int64(10), value: int64(3)},
		{kind: "SeatPool", path: "spec.addOn", value: "pipelines"},
		{kind: "SeatPool", path: "spec.addOn", value: "crm-2"},
		{kind: "SeatPool", path: "spec.addOn", value: "", refusal: tooShort},
		{kind: "SeatPool", path: "spec.addOn", value: x(63)},
		{kind: "SeatPool", path: "spec.addOn", value: x(64), refusal: tooLong},
		{kind: "SeatPool", path: "spec.addOn", value: "Pipelines", refusal: badAddOn},
		{kind: "SeatPool", path: "spec.addOn", value: "-pipelines", refusal: badAddOn},
		{kind: "SeatPool", path: "spec.addOn", value: "pipelines\n", refusal: badAddOn},
		{kind: "SeatPool", path: "spec.addOn", from: "crm", value: "pipelines", refusal: poolAddOn},
		{kind: "SeatPool", path: "spec.addOn", from: "crm", value: absent, refusal: poolAddOn},
		{kind: "SeatPool", path: "spec.addOn", from: absent, value: "crm", refusal: poolAddOn},
		{kind: "SeatPool", path: "spec.addOn", from: "crm", value: "crm"},
		{kind: "SeatPool", path: "spec.reservation", value: "OnInvitation"},
		{kind: "SeatPool", path: "spec.reservation", from: "OnInvitation", value: "OnAcceptance"},
		{kind: "SeatPool", path: "spec.reservation", value: "Never", refusal: unsupported},

		{kind: "Member", path: "spec", value: absent, refusal: required},
		{kind: "Member", path: "spec.accountRef", value: absent, refusal: required},
		{kind: "Member", path: "spec.accountRef.name", from: "acme", value: "globex", refusal: memberAccount},
		{kind: "Member", path: "spec.accountRef.name", from: "acme", value: "acme"},
		{kind: "Member", path: "spec.email", value: absent, refusal: required},
		{kind: "Member", path: "spec.email", from: "ada@acme.example", value: "countess@acme.example"},
		{kind: "Member", path: "spec.role", value: "salesrep"},
		{kind: "Member", path: "spec.role", value: "", refusal: tooShort},
		{kind: "Member", path: "spec.role", value: x(63)},
		{kind: "Member", path: "spec.role", value: x(64), refusal: tooLong},
		{kind: "Member", path: "spec.role", value: "Sales Rep", refusal: badRole},
		{kind: "Member", path: "spec.role", value: "admin-", refusal: badRole},
		{kind: "Member", path: "spec.rights", value: []any{}},
		{kind: "Member", path: "spec.rights", value: []any{"orders:place", "orders:view"}},
		{kind: "Member", path: "spec.rights", value: []any{"orders:place", "orders:place"}, refusal: duplicate},
		{kind: "Member", path: "spec.rights", value: numbered(64, "r%d:v", nil)},
		{kind: "Member", path: "spec.rights", value: numbered(65, "r%d:v", nil), refusal: tooMany},
		{kind: "Member", path: "spec.rights[]", value: "*"},
		{kind: "Member", path: "spec.rights[]", value: "", refusal: tooShort},
		{kind: "Member", path: "spec.rights[]", value: "data:view-own"},
		{kind: "Member", path: "spec.rights[]", value: x(63) + ":" + x(63)},
		{kind: "Member", path: "spec.rights[]", value: x(64) + ":" + x(63), refusal: tooLong},
		{kind: "Member", path: "spec.rights[]", value: "orders", refusal: badRight},
		{kind: "Member", path: "spec.rights[]", value: "orders:*", refusal: badRight},
		{kind: "Member", path: "spec.rights[]", value: "Orders:place", refusal: badRight},
		{kind: "Member", path: "spec.rights[]", value: "orders:place:now", refusal: badRight},
		{kind: "Member", path: "spec.seatPoolRefs", value: []any{}},
		{kind: "Member", path: "spec.seatPoolRefs", value: numbered(16, "p%d", named)},
		{kind: "Member", path: "spec.seatPoolRefs", value: numbered(17, "p%d", named), refusal: tooMany},
		{kind: "Member", path: "spec.seatPoolRefs", value: []any{named("base"), named("base")}, refusal: duplicate},
		{kind: "Account", path: "spec.mail.delivery", value: "SMTP"},
		{kind: "Account", path: "spec.mail.delivery", value: "Link"},
		{kind: "Account", path: "spec.mail.delivery", value: "Mail", refusal: unsupported},
		{kind: "Member", path: "spec.activation", value: "Invitation"},
		{kind: "Member", path: "spec.activation", value: "Immediate"},
		{kind: "Member", path: "spec.activation", value: "Later", refusal: unsupported},

		{kind: "Member", path: "spec.accessUntil", value: "2027-03-31T18:00:00Z"},
		{kind: "Member", path: "spec.accessUntil", value: "2027-03-31T18:00:00+02:00"},
		{kind: "Member", path: "spec.accessUntil", value: "2027-03-31", refusal: "must be of type date-time"},
		{kind: "Member", path: "spec.accessUntil", value: "2027-03-31t18:00:00z", refusal: badTime},
		{kind: "Member", path: "spec.accessUntil", value: "9999-12-31T23:59:59-00:01", refusal: badTime},

		{kind: "Invitation", path: "spec", value: absent, refusal: required},
		{kind: "Invitation", path: "spec.memberRef", value: absent, refusal: required},
		{kind: "Invitation", path: "spec.memberRef.name", from: "ada", value: "bob", refusal: invitedMember},
		{kind: "Invitation", path: "spec.memberRef.name", from: "ada", value: "ada"},
		{kind: "Invitation", path: "spec.sendGeneration", value: int64(0), refusal: tooSmall},
		{kind: "Invitation", path: "spec.sendGeneration", value: int64(1)},
		{kind: "Invitation", path: "spec.sendGeneration", value: int64(1_000_000_000)},
		{kind: "Invitation", path: "spec.sendGeneration", value: int64(1_000_000_001), refusal: tooBig},
		{kind: "Invitation", path: "spec.sendGeneration", from: int64(2), value: int64(3)},
		{kind: "Invitation", path: "spec.sendGeneration", from: int64(2), value: int64(1), refusal: generationDown},
		// Without the field, it gets its default, which is lower.
		{kind: "Invitation", path: "spec.sendGeneration", from: int64(2), value: absent, refusal: generationDown},
		{kind: "Invitation", path: "spec.state", value: "Open"},
		{kind: "Invitation", path: "spec.state", from: "Open", value: "Revoked"},
		{kind: "Invitation", path: "spec.state", from: "Revoked", value: "Open"},
		{kind: "Invitation", path: "spec.state", value: "Accepted", refusal: unsupported},
	}
	list = append(list, plans()...)
	list = append(list, lines("Account", "spec.displayName", 200)...)
	list = append(list, lines("Account", "spec.access.supportGroup", 253)...)
	list = append(list, lines("Account", "spec.contact.phone", 50)...)
	for field, limit := range map[string]int{"givenName": 100, "familyName": 100, "salutation": 50, "phone": 50} {
		list = append(list, lines("Member", "spec."+field, limit)...)
	}
	for kind, paths := range map[string][]string{
		"Account":    {"spec.mail.secretRef.name", "spec.mail.templatesRef.name", "spec.planRef.name"},
		"SeatPool":   {"spec.accountRef.name"},
		"Member":     {"spec.accountRef.name", "spec.reassignTo.name", "spec.seatPoolRefs[].name"},
		"Invitation": {"spec.memberRef.name"},
	} {
		for _, path := range paths {
			list = append(list,
				trial{kind: kind, path: path, value: absent, refusal: required},
				trial{kind: kind, path: path, value: "", refusal: tooShort},
				trial{kind: kind, path: path, value: x(253)},
				trial{kind: kind, path: path, value: x(254), refusal: tooLong})
		}
	}
	for _, kind := range []string{"Account", "Member"} {
		list = append(list, languages(kind)...)
		list = append(list,
			trial{kind: kind, path: "spec.state", value: "Active"},
			trial{kind: kind, path: "spec.state", from: "Active", value: "Disabled"},
			trial{kind: kind, path: "spec.state", from: "Disabled", value: "Active"},
			trial{kind: kind, path: "spec.state", value: "active", refusal: unsupported},
			trial{kind: kind, path: "spec.state", value: "Pending", refusal: unsupported})
	}
	list = append(list, ttls("Account", "spec.invitations.ttl")...)
	list = append(list, leads("Account", "spec.invitations.reminders")...)
	list = append(list, ttls("Invitation", "spec.ttl")...)
	list = append(list, urls("spec.productURL")...)
	list = append(list, urls("spec.termsURL")...)
	list = append(list, branding()...)
	list = append(list, emails("Account", "spec.contact.email")...)
	list = append(list, emails("Account", "spec.mail.replyTo")...)
	return append(list, emails("Member", "spec.email")...)
}
