// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gate makes a test's API server call Usher's admission webhooks, as config/webhook does, at the address where the test serves
// them.
package gate

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/usher-dev/usher/internal/test/testkit/apiserver"
	"github.com/usher-dev/usher/internal/test/testkit/smtpsink"
)

// patience is how long the API server waits for a webhook, in seconds: the maximum, for busy machines.
const patience = 30

// Gate is the address and the certificate for the webhooks.
type Gate struct {
	// Port of the loopback interface, and the folder with tls.crt and tls.key.
	Port    int
	CertDir string

	authority []byte
}

// New chooses a free port, creates a folder and writes a certificate into it.
func New(folder string) (*Gate, error) {
	authority, err := smtpsink.NewAuthority()
	if err != nil {
		return nil, err
	}
	issued, err := authority.Issue(smtpsink.Certificate{})
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(issued.PrivateKey)
	if err != nil {
		return nil, err
	}
	write := func(name, kind string, content []byte) error {
		return os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
	}
	if err := errors.Join(os.MkdirAll(folder, 0o700), write("tls.crt", "CERTIFICATE", issued.Certificate[0]), write("tls.key",
		"PRIVATE KEY", key)); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Gate{Port: listener.Addr().(*net.TCPAddr).Port, CertDir: folder, authority: authority.PEM()}, listener.Close()
}

// Configuration returns the configuration of config/webhook, with the Gate's address instead of the Service.
func (g *Gate) Configuration() (*admissionv1.ValidatingWebhookConfiguration, error) {
	root, err := apiserver.ModuleRoot()
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(root, "config", "webhook", "webhooks.yaml"))
	if err != nil {
		return nil, err
	}
	config := &admissionv1.ValidatingWebhookConfiguration{}
	if err := yaml.UnmarshalStrict(raw, config); err != nil {
		return nil, err
	}
	for i := range config.Webhooks {
		w := &config.Webhooks[i]
		url := fmt.Sprintf("https://127.0.0.1:%d%s", g.Port, *w.ClientConfig.Service.Path)
		w.ClientConfig = admissionv1.WebhookClientConfig{URL: &url, CABundle: g.authority}
		w.TimeoutSeconds = ptr.To[int32](patience)
	}
	return config, nil
}
