// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package reason

import usherv1 "github.com/usher-dev/usher/api/v1alpha1"

// deliveries are the reasons of an Account's MailReady condition.
var deliveries = []Delivery{
	{Text: Text{Reason: usherv1.ReasonMailReady, Meaning: "the mail server answered"}, ByMail: true},
	{Text: Text{Reason: usherv1.ReasonLinkDelivery, Meaning: "nothing is mailed (delivery: Link), so no mail server is needed"}, ByLink: true},
	{Text: Text{Reason: usherv1.ReasonSecretNotFound, Meaning: "the Secret with the mail server's settings does not exist",
		Action: "Create the Secret, or correct the Account's spec.mail.secretRef"}},
	{Text: Text{Reason: usherv1.ReasonSecretInvalid,
		Meaning: "the Secret with the mail server's settings has a mistake; the message says which",
		Action:  "Correct the Secret"}},
	{Text: Text{Reason: usherv1.ReasonServerUnreachable, Meaning: "the mail server did not answer",
		Action: "Check host and port in the Secret, and that the server can be reached from the cluster"}},
	{Text: Text{Reason: usherv1.ReasonTLSFailed, Meaning: "no secure connection to the mail server could be made",
		Action: "Check the TLS settings in the Secret and the server's certificate"}},
	{Text: Text{Reason: usherv1.ReasonAuthFailed,
		Meaning: "the mail server refused the user name or the password, the sender, or to relay the mail",
		Action:  "Correct username, password and from in the Secret"}},
	{Text: Text{Reason: usherv1.ReasonMailRefused,
		Meaning: "the mail server accepts the login, and refuses mails for a reason that is not a recipient's",
		Action:  "Do what the message says; Usher sends one mail at a time until the mail server accepts one"}},
	{Text: Text{Reason: usherv1.ReasonNotConfigured, Meaning: "the manager does not know the portal's URL, so there are no links to send",
		Action: "Start the manager with --portal-url"}},
}

// accesses are the reasons of an Account's AccessReady condition.
var accesses = []Access{
	{Text: Text{Reason: usherv1.ReasonAccessUpToDate,
		Meaning: "roles, bindings and the password file are as they should be"}, Tolerable: true},
	{Text: Text{Reason: usherv1.ReasonBindForbidden,
		Meaning: "Usher lacks the verb bind on a ClusterRole that the plan names. Everything else works, so the Account is Ready",
		Action:  "Grant Usher the verb bind on the ClusterRole, or take it out of the plan"}, Tolerable: true},
	{Text: Text{Reason: usherv1.ReasonNameTaken, Meaning: "an object that Usher did not make has the name of one that it needs",
		Action: "Rename or delete the object that the message names"}},
	{Text: Text{Reason: usherv1.ReasonPasswordFileFull,
		Meaning: "a Secret holds no more than 1 MiB, and some members are missing from the password file",
		Action:  "Spread the members over several accounts"}},
}
