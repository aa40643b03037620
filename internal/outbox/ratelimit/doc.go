// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ratelimit limits how many mails go out: to a server, no more a minute than its Secret's rateLimit; to a recipient from one
// namespace, no more than delivery.MailsPerRecipient within delivery.RecipientWindow, even if a script raises sendGeneration, recreates
// Members or uses several accounts and servers.
//
// Through the server that namespaces share, a recipient gets no more than that from all of them together. A namespace that has sent it
// nothing within the window may send one mail beyond that, up to twice the limit in all: what others send does not keep it from inviting
// a person. Mails through other servers count for their own namespace only.
//
// Through the default Secret, an account sends no more mails than its quota within delivery.QuotaWindow, and all accounts of a namespace no
// more than ten times that. Mails are counted by the hour, and a mail that waits is promised a place in an hour: what was promised is not
// given to others. It is kept for that hour.
//
// It never blocks. Reserve either lets a mail go or returns until when it is held. The caller writes the hold into the Invitation's
// status before it writes anything else, and calls Reserve again when the hold ends.
//
// # Reservations
//
// A mail that a server's limit holds gets a reservation: a point in time, one interval after the previous one, so that a queue of
// mails does not have to retry again and again. A reservation that is not used in time is lost. Reservations reach no further ahead
// than reserveAhead; a mail that comes later gets none and has to ask again. So a Secret whose limit has changed, or a queue that has
// been deleted, delays other mails for no longer than that.
//
// The namespaces that send through a server share its limit: the first mail of a namespace gets the next reservation of one that has
// several, and each further mail one of those after that, so that both have every other one. The mail that gives way is moved to the
// end. It learns that when its hold would have ended.
//
// # Memory
//
// All state is in memory, and bounded. Recipients are counted in a fixed number of buckets, by a hash of their addresses. Two recipients
// of one namespace, or of the shared server, may share a bucket; at worst, one of them waits for the other. Each namespace has buckets of
// its own; when there are too many in all, the namespace with the most begins anew.
//
// A manager that starts takes the last mail of each Invitation from its status (Recall), with the server that its account has now, and an
// Invitation whose status has a hold still waits for it, unless it is the quota's. The manager does not know of earlier mails of the same
// Invitation, of the mails of deleted ones, or, for the quota, of notices; and the reservations of each server start anew.
package ratelimit
