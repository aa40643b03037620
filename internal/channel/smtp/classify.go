// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"syscall"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
)

// smtpsPort is the port with TLS from the first byte (RFC 8314 section 7.3).
const smtpsPort = 465

// explain turns an error of open or deliver into a *channel.Error, which contains nothing of the original text.
//
// What happens before MAIL has a Reason, since every mail would end in the same way. Only an attempt that Usher itself ended says nothing
// about the server.
func explain(ctx context.Context, server Server, to string, err error) *channel.Error {
	at := stageDial
	if failed, ok := errors.AsType[*failure](err); ok {
		at = failed.stage
	}
	explained := interpret(ctx, at, server, to, err)
	if at.beforeMail() && explained.Code != codeCanceled && explained.Code != codeBusy {
		explained.Reason = cmp.Or(explained.Reason, usherv1.ReasonServerUnreachable)
	}
	return explained
}

// The codes of attempts that Usher itself ended.
const (
	codeCanceled = "canceled"
	codeBusy     = "busy"
)

func interpret(ctx context.Context, at stage, server Server, to string, err error) *channel.Error {
	// A reply that was read counts, even if ctx ended right after it.
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return classifyReply(at, reply, to)
	}
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return temporary("protocol",
			"the server answered "+string(at)+" with something that is not SMTP; check host and port if this stays")
	}
	if ctx.Err() != nil {
		return broken(ctx, at, server, err)
	}
	if explained := unmet(at, server, err); explained != nil {
		return explained
	}
	if at == stageTLS || isRemoteAlert(err) {
		if explained := tlsTrouble(server, err); explained != nil {
			return explained
		}
	}
	return broken(ctx, at, server, err)
}

// unmet explains the failures that the client detects itself, mostly because the server does not offer what a mail needs. It
// returns nil for other errors.
func unmet(at stage, server Server, err error) *channel.Error {
	switch {
	case errors.Is(err, errNotAllowed):
		return &channel.Error{
			Class: usherv1.ErrorConfiguration, Code: "not allowed", Reason: usherv1.ReasonServerUnreachable, Message: notAllowed,
		}
	case errors.Is(err, errNoStartTLS):
		return tlsFailed("no STARTTLS", "the server does not offer STARTTLS, so nothing was sent; someone on the way may have removed the "+
			"offer, to read mails and passwords: check host and port, and ask the server's administrator whether it offers STARTTLS there; a port "+
			"that speaks TLS from the first byte (usually 465) needs tls: Implicit")
	case errors.Is(err, errNoAuth):
		return authFailed("no AUTH", "the server offers no authentication that Usher knows (SCRAM, CRAM-MD5, PLAIN, LOGIN); use its submission "+
			"port (usually 587), or leave out username and password if it needs none")
	case errors.Is(err, errAuthNotOffered):
		return authFailed("no "+server.Auth, "the server does not offer the mechanism that the key \"auth\" names; write Auto, or one that "+
			"it offers")
	case errors.Is(err, errIterations):
		return authFailed("SCRAM", "the server asks to hash the password less often than 4,096 times or more often than 100,000 times, or does "+
			"not say how often; have its administrator change that, or write another mechanism into the key \"auth\", such as PLAIN")
	case errors.Is(err, errSenderUTF8): // which no probe finds out
		explained := authFailed("no SMTPUTF8", "the sender in the key \"from\" has letters outside ASCII before the @, and the server "+
			"cannot carry them; write another sender")
		explained.Refusal, explained.ToAll = explained.Code, true
		return explained
	case errors.Is(err, errRecipientUTF8):
		return permanent("no SMTPUTF8", "the recipient's address has letters outside ASCII before the @, and the mail server cannot "+
			"carry them; use another address or another server")
	case errors.Is(err, errTooMuchReceived):
		return temporary("protocol", "the server's replies are longer than any mail server's; check that it is an SMTP server")
	case errors.Is(err, errBusy):
		return temporary(codeBusy, "all connections that the key \"connections\" allows stayed in use; Usher tries again")
	case at == stageAuth && !isNetwork(err):
		return authFailed("AUTH", "the authentication did not finish: the server's challenge does not fit this username and password; "+
			"check both")
	}
	return nil
}

// notAllowed says the same whatever is there: Usher has not looked.
const notAllowed = "Usher does not connect to the server's address and port for a Secret that is not the platform's, so nothing is known " +
	"of what is there; use a mail server at a public address, at port 25, 465, 587 or 2525, or ask the platform to allow the address " +
	"(--smtp-allow)"

// tlsTrouble explains why TLS could not be established. It returns nil if only the connection broke.
func tlsTrouble(server Server, err error) *channel.Error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return tlsFailed("certificate", "the server's certificate is signed by an authority that is not trusted; put that authority's "+
			"certificate into the key \"ca.crt\"")
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return tlsFailed("certificate", "the server's certificate is for another name; write the name that it carries into the key \"host\"")
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return tlsFailed("certificate", "the server's certificate has expired or is not valid yet; renew it, or check the clock")
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return tlsFailed("certificate", "the server's certificate is not valid; replace it")
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if server.TLS == TLSImplicit {
			return tlsFailed("not TLS", "the server does not speak TLS from the first byte on this port; write tls: StartTLS (usually port 587), "+
				"or use the port that does (usually 465)")
		}
		// It offered STARTTLS a moment ago, so this will pass.
		return temporary("TLS", "the server offered STARTTLS and then did not speak TLS; Usher tries again")
	}
	if isRemoteAlert(err) || !isNetwork(err) {
		return tlsFailed("TLS", "the server and Usher have no TLS version, cipher or certificate in common; Usher speaks TLS 1.2 and "+
			"1.3 and sends no client certificate")
	}
	return nil
}

// broken explains a connection that could not be opened, or that broke. Both may pass, unless the name does not exist.
func broken(ctx context.Context, at stage, server Server, err error) *channel.Error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return &channel.Error{Class: usherv1.ErrorConfiguration, Code: "unknown host", Reason: usherv1.ReasonServerUnreachable,
				Message: "there is no server of this name; correct the key \"host\""}
		}
		return temporary("DNS", "the server's name could not be looked up; Usher tries again; if this stays, check the cluster's DNS")
	}
	var timeout net.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return temporary(codeCanceled, "Usher stopped in the middle of the conversation; it tries again")
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		message := "the server did not answer in time at " + string(at) + "; Usher tries again"
		if at == stageGreeting && server.Port == smtpsPort && server.TLS != TLSImplicit {
			message += "; port 465 usually wants tls: Implicit"
		}
		if at == stageDial {
			message = "the connection was not established in time; if this stays, check host, port and network policies"
		}
		return temporary("timeout", message)
	case errors.Is(err, syscall.ECONNREFUSED):
		return temporary("connection refused", "nothing listens at the server's port; if this stays, check host and port")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return temporary("connection closed", "the server closed the connection at "+string(at)+"; Usher tries again")
	case at == stageDial:
		return temporary("unreachable", "the server cannot be reached; if this stays, check host, port and network policies")
	}
	return temporary("network", "the connection broke at "+string(at)+"; Usher tries again")
}

// isNetwork reports whether err comes from the connection itself.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// isRemoteAlert reports whether the server ended TLS with an alert. crypto/tls marks that only by the name of the operation; with
// TLS 1.3 it may come as late as the first read after the handshake.
func isRemoteAlert(err error) bool {
	operation, ok := errors.AsType[*net.OpError](err)
	return ok && operation.Op == "remote error"
}

func temporary(code, message string) *channel.Error {
	return &channel.Error{Class: usherv1.ErrorTemporary, Code: code, Message: message}
}

func tlsFailed(code, message string) *channel.Error {
	return &channel.Error{Class: usherv1.ErrorConfiguration, Code: code, Reason: usherv1.ReasonTLSFailed, Message: message}
}

func authFailed(code, message string) *channel.Error {
	return &channel.Error{Class: usherv1.ErrorConfiguration, Code: code, Reason: usherv1.ReasonAuthFailed, Message: message}
}
