// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package postfix

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// configure writes all of Postfix's configuration.
func (p *Postfix) configure(ctx context.Context) error {
	if err := os.Chmod(p.dir, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"etc", "etc/sasl", "queue", "data", "mail"} {
		if err := os.MkdirAll(p.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := own("postfix", p.path("data")); err != nil {
		return err
	}
	if err := own("nobody", p.path("mail")); err != nil {
		return err
	}
	var err error
	if p.Port, err = freePort(); err != nil {
		return err
	}
	if p.ImplicitPort, err = freePort(); err != nil {
		return err
	}
	if err := p.writeCertificate(); err != nil {
		return err
	}
	if err := p.writePassword(ctx); err != nil {
		return err
	}
	main, err := p.mainConfig()
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"main.cf":   main,
		"master.cf": fmt.Sprintf(master, p.Port, p.ImplicitPort),
		"sasl/smtpd.conf": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: " + p.path("etc", "sasldb2") +
			"\nmech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\n",
	} {
		if err := os.WriteFile(p.path("etc", name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mainConfig is main.cf. What only takes time in a test is off: name lookups, waiting after errors, flushing to the disk.
func (p *Postfix) mainConfig() (string, error) {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return "", err
	}
	lines := []string{
		"compatibility_level = 3.6",
		"config_directory = " + p.config(),
		"queue_directory = " + p.path("queue"),
		"data_directory = " + p.path("data"),
		"maillog_file = /dev/stdout",
		"myhostname = mail.postfix.example",
		"mydestination =",
		"mynetworks =",
		"inet_interfaces = loopback-only",
		"inet_protocols = ipv4",
		"alias_maps =",
		"alias_database =",
		"local_recipient_maps =",
		"smtpd_peername_lookup = no",
		"in_flow_delay = 0",

		"virtual_mailbox_domains = " + Domain,
		"virtual_mailbox_base = " + p.path("mail"),
		// All addresses but nobody@ share one Maildir.
		"virtual_mailbox_maps = regexp:{{!/^nobody@/ all/}}",
		"virtual_uid_maps = static:" + nobody.Uid,
		"virtual_gid_maps = static:" + nobody.Gid,

		"smtpd_tls_security_level = encrypt",
		"smtpd_tls_chain_files = " + p.path("etc", "server.pem"),
		"smtpd_sasl_auth_enable = yes",
		"smtpd_sasl_path = smtpd",
		"cyrus_sasl_config_path = " + p.path("etc", "sasl"),
		"smtpd_client_restrictions = permit_sasl_authenticated, reject",
		"smtpd_relay_restrictions = permit_sasl_authenticated, reject",
		"smtpd_sender_restrictions = reject_non_fqdn_sender",
	}
	if p.options.Policy != "" {
		lines = append(lines, "smtpd_recipient_restrictions = check_policy_service inet:"+p.options.Policy)
	}
	if p.options.Hold {
		lines = append(lines, "defer_transports = virtual")
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// master is master.cf: Debian's, without chroots, and with only the services that accept mail and deliver it locally.
const master = `127.0.0.1:%d inet n - n - - smtpd
127.0.0.1:%d inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// writePassword writes the password database.
func (p *Postfix) writePassword(ctx context.Context) error {
	name, realm, _ := strings.Cut(Username, "@")
	set := p.command(ctx, "saslpasswd2", "-p", "-c", "-f", p.path("etc", "sasldb2"), "-u", realm, name)
	set.Stdin = strings.NewReader(Password)
	if output, err := set.CombinedOutput(); err != nil {
		return fmt.Errorf("saslpasswd2: %w\n%s", err, output)
	}
	return own("postfix", p.path("etc", "sasldb2"))
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
