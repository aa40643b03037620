// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/usher-dev/usher/internal/app"
)

var _ = Describe("the flags", func() {
	parse := func(args ...string) app.Options {
		GinkgoHelper()
		var o app.Options
		flags := flag.NewFlagSet("manager", flag.ContinueOnError)
		o.Bind(flags)
		Expect(flags.Parse(args)).To(Succeed())
		return o
	}

	It("have the defaults of the contract", func() {
		GinkgoT().Setenv("POD_NAMESPACE", "")
		Expect(parse()).To(Equal(app.Options{
			Namespace: "usher-system", SMTPSecret: "usher-smtp", TokenSecret: "usher-token-key", PortalBindAddress: ":8082",
			MetricsBindAddress: ":8443", MetricsSecure: true, HealthProbeBindAddress: ":8081", LeaderElect: true, Shards: 1, MailWorkers: 8, WebhookPort: 9443,
			PprofBindAddress: "0", MailQuota: 2000,
		}))
		GinkgoT().Setenv("POD_NAMESPACE", "elsewhere")
		Expect(parse().Namespace).To(Equal("elsewhere"))
		Expect(parse("--namespace=here").Namespace).To(Equal("here"))
	})

	It("leave a part of the manager out", func() {
		Expect(parse("--controllers=false", "--portal=true")).To(And(HaveField("NoControllers", true), HaveField("NoPortal", false)))
		Expect(parse("--portal=false", "--controllers")).To(And(HaveField("NoControllers", false), HaveField("NoPortal", true)))
	})

	DescribeTable("with an invalid value are refused with what to write instead", func(message string, args ...string) {
		_, err := app.New(context.Background(), server.Config(), parse(args...))
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry(nil, "--mail-workers is 0; it must be at least 1", "--mail-workers=0"),
		Entry(nil, "--smtp-allow: \"10.0.0.0/99\" is not a network; write 10.1.0.0/16", "--smtp-allow=10.0.0.0/99"),
		Entry(nil, "--mail-quota is -1; it must be a number of mails, or 0", "--mail-quota=-1"),
		Entry(nil, "must be 0 or a loopback address such as 127.0.0.1:6060", "--pprof-bind-address=:6060"),
		Entry(nil, "must be 0 or a loopback address such as 127.0.0.1:6060", "--pprof-bind-address=192.0.2.1:6060"),
		Entry(nil, "must be 0 or a loopback address such as 127.0.0.1:6060", "--pprof-bind-address=localhost:6060"),
		Entry(nil, "must be an absolute URL such as https://", "--portal-url=invite.acme.example"),
		Entry(nil, "must be an absolute URL such as https://", "--portal-url=ftp://invite.acme.example"),
		Entry(nil, "write it with https://", "--portal-cert-dir=/certs", "--portal-url=http://invite.acme.example"),
		Entry(nil, "must hold tls.crt and tls.key that belong together", "--health-probe-bind-address=0", "--metrics-bind-address=0",
			"--portal-cert-dir=/nowhere", "--portal-url=https://invite.acme.example"),
		Entry(nil, "--trusted-proxies: \"10.0.0.0/99\" is not a network", "--health-probe-bind-address=0", "--metrics-bind-address=0",
			"--trusted-proxies=192.0.2.1,10.0.0.0/99"),
		Entry(nil, "this process does nothing", "--controllers=false", "--portal=false"),
		Entry(nil, "this process does nothing", "--controllers=false", "--portal-bind-address=0"),
		Entry(nil, "Kubernetes reserves user names that begin with system:", "--user-prefix=system:"),
		Entry(nil, "use one of them", "--shards=2", "--shard-by-peers"),
		Entry(nil, "or a query", "--portal-url=https://invite.acme.example?x=1"),
	)

	It("share the namespaces among one replica at least", func() {
		for _, text := range []string{"0", "-1", "two"} {
			var o app.Options
			flags := flag.NewFlagSet("manager", flag.ContinueOnError)
			flags.SetOutput(GinkgoWriter)
			o.Bind(flags)
			Expect(flags.Parse([]string{"--shards=" + text})).To(MatchError(ContainSubstring("a whole number, at least 1")))
		}
		Expect(parse("--shards=3").Shards).To(Equal(3))
	})

	It("that name a missing or invalid kubeconfig are refused, and the error names the flag", func() {
		nowhere := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(app.Run(context.Background(), app.Options{Kubeconfig: nowhere, MailWorkers: 1})).
			To(MatchError(And(HavePrefix("--kubeconfig: "), ContainSubstring(nowhere))))
		Expect(os.WriteFile(nowhere, []byte("{"), 0o600)).To(Succeed())
		Expect(app.Run(context.Background(), app.Options{Kubeconfig: nowhere, MailWorkers: 1})).To(MatchError(HavePrefix("--kubeconfig: ")))
	})
})
