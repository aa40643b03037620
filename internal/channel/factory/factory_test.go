// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package factory_test

import (
	"errors"
	"testing"

	"github.com/usher-dev/usher/internal/channel"
	"github.com/usher-dev/usher/internal/channel/factory"
	"github.com/usher-dev/usher/internal/message"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

func TestASecretLeadsToItsChannel(t *testing.T) {
	sink, err := smtpsink.Start(smtpsink.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	channels, err := factory.New("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(channels.Close)
	endpoint, err := factory.Parse(sink.Secret("Platform <no-reply@platform.example>"), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := channels.Probe(t.Context(), endpoint); err != nil {
		t.Error(err)
	}
	id := endpoint.MessageID(message.InvitationID("uid", 1))
	if err := channels.Send(t.Context(), endpoint, message.Invitation{To: "ada@acme.example", MessageID: id}); err != nil {
		t.Error(err)
	}
	channels.Forget(endpoint)
	if mails := sink.Mails(); len(mails) != 1 || mails[0].MessageID != "uid.1@platform.example" {
		t.Errorf("the mails are %v", mails)
	}
}

func TestAnInvalidSecretHasNoEndpoint(t *testing.T) {
	endpoint, err := factory.Parse(nil, true)
	if endpoint != nil || err == nil {
		t.Errorf("no data is the endpoint %v: %v", endpoint, err)
	}
}

// unknown is an endpoint that belongs to no channel.
type unknown struct{ channel.Endpoint }

func TestAnUnknownEndpointIsRefused(t *testing.T) {
	channels, err := factory.New("127.0.0.1:*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(channels.Close)
	for _, endpoint := range []channel.Endpoint{nil, unknown{}} {
		channels.Forget(endpoint)
		for name, err := range map[string]error{
			"Send":  channels.Send(t.Context(), endpoint, message.Invitation{}),
			"Probe": channels.Probe(t.Context(), endpoint),
		} {
			if failed, ok := errors.AsType[*channel.Error](err); !ok || failed.Class == "" || failed.Reason == "" || failed.Code == "" {
				t.Errorf("%s to %v: %v", name, endpoint, err)
			}
		}
	}
}

func TestWhereServersMayBeIsChecked(t *testing.T) {
	if channels, err := factory.New("smtp.acme.example"); err == nil {
		channels.Close()
		t.Error("a name is a network")
	}
}
