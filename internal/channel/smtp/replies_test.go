// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package smtp

import (
	"fmt"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"testing"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/channel"
)

// stages are what the table calls them. A "~" after a stage in the table means that its source does not say at which stage the reply came.
var stages = map[string]stage{
	"greeting": stageGreeting, "EHLO": stageEHLO, "STARTTLS": stageTLS, "AUTH": stageAuth, "MAIL": stageMail, "RCPT": stageRcpt,
	"DATA": stageData, "body": stageBody,
}

// published is a reply of a real server: a row of testdata/replies.tsv. The text is as it was published, without reply codes and without
// the enhanced code at its beginning; "\n" separates lines. A "?" after the class means that the reply can be read in two ways.
type published struct {
	line                 int
	at                   stage
	reply                *textproto.Error
	class                usherv1.ErrorClass
	server, from, stated string
}

func readReplies(t *testing.T) (list []published) {
	t.Helper()
	raw, err := os.ReadFile("testdata/replies.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n")[1:] {
		fields := strings.Split(line, "\t")
		if len(fields) != 7 {
			t.Fatalf("line %d has %d fields", i+2, len(fields))
		}
		code, err := strconv.Atoi(fields[1])
		at, known := stages[strings.TrimSuffix(fields[0], "~")]
		if err != nil || !known || fields[5] == "" || fields[6] == "" {
			t.Fatalf("line %d: %q", i+2, fields)
		}
		text := strings.TrimSpace(fields[2] + " " + strings.ReplaceAll(fields[3], `\n`, "\n"))
		list = append(list, published{
			line: i + 2, at: at, reply: &textproto.Error{Code: code, Msg: text},
			class: usherv1.ErrorClass(strings.TrimSuffix(fields[4], "?")), server: fields[5], from: fields[6], stated: fields[2],
		})
	}
	return list
}

// What the replies of real servers mean.
func TestReplies(t *testing.T) {
	servers := map[string]int{}
	list := readReplies(t)
	for _, p := range list {
		explained := classifyReply(p.at, p.reply, "ada.lovelace@acme.example")
		if explained.Class != p.class {
			t.Errorf("line %d: %s answers %d %q to %s: it means %s, want %s (rule %q)",
				p.line, p.server, p.reply.Code, p.reply.Msg, p.at, explained.Class, p.class, explained.Message)
		}
		if p.stated != "" && p.stated[0] != '2' && explained.Code != fmt.Sprintf("%d %s", p.reply.Code, p.stated) {
			t.Errorf("line %d: the code is %s, want %s", p.line, explained.Code, p.stated)
		}
		checkExplained(t, p, explained)
		servers[strings.Fields(p.server)[0]]++
	}
	if len(list) < 280 || len(servers) < 30 {
		t.Errorf("%d replies of %d servers", len(list), len(servers))
	}
}

// checkExplained checks what holds for every reply: a Configuration has a reason and says what to do, and nothing of the text is told.
func checkExplained(t *testing.T, p published, e *channel.Error) {
	t.Helper()
	if (e.Class == usherv1.ErrorConfiguration) != (e.Reason != "") {
		t.Errorf("line %d: class %s, reason %q", p.line, e.Class, e.Reason)
	}
	if mail := !p.at.beforeMail() && e.Class != usherv1.ErrorTemporary; mail != (e.Refusal != "") {
		t.Errorf("line %d: class %s, refusal %q", p.line, e.Class, e.Refusal)
	}
	if e.NamesRecipient && e.Class != usherv1.ErrorPermanent {
		t.Errorf("line %d: it names the recipient, and is %s", p.line, e.Class)
	}
	for word := range strings.FieldsSeq(p.reply.Msg) {
		if strings.ContainsAny(word, "@/") && strings.Contains(e.Message+e.Code, word) {
			t.Errorf("line %d: %q tells %q", p.line, e.Message, word)
		}
	}
}

// Each rule decides a reply of the table or of this list: none is superfluous.
func TestEveryRuleIsNeeded(t *testing.T) {
	others := []published{
		{at: stageRcpt, reply: &textproto.Error{Code: 354, Msg: "go ahead"}},
		{at: stageRcpt, reply: &textproto.Error{Code: 550, Msg: "5.1.8 no"}},
		{at: stageMail, reply: &textproto.Error{Code: 550, Msg: "5.6.7 SMTPUTF8 address not permitted"}},
	}
	used := map[string]bool{}
	for _, p := range append(readReplies(t), others...) {
		r := ruleFor(readAnswer(p.at, p.reply, ""))
		used[fmt.Sprintf("%p", r.applies)] = true
	}
	for i, r := range rules {
		if !used[fmt.Sprintf("%p", r.applies)] {
			t.Errorf("rule %d (%q) decides nothing", i, r.advice)
		}
	}
}

// What a recipient is called does not decide what a reply means, whether or not the server repeats the address.
func TestARecipientsNameDecidesNothing(t *testing.T) {
	for _, local := range []string{"relay", "sender", "quota", "limit", "spf", "policy", "unknown", "5.7.1", "throttle", "dkim.fails", `"too many relay quota"`} {
		to := local + "@relay.sender.quota.example"
		for _, text := range []string{
			"5.1.1 <%s>: user unknown", "<%s> (5.7.1) no mailbox here", "%s unknown user", "no such user: %s.", "5.1.1 <%[1]s>: no such user <%[1]s>",
			"5.1.1 <%s>... User unknown", "5.1.1 sorry, no mailbox by the name of %s (#5.1.1)",
		} {
			msg := fmt.Sprintf(text, to)
			got := classifyReply(stageRcpt, &textproto.Error{Code: 550, Msg: msg}, strings.ReplaceAll(to, `"`, ""))
			if got.Class != usherv1.ErrorPermanent && !strings.Contains(text, "5.7.1)") {
				t.Errorf("%q means %s: %s", msg, got.Class, got.Message)
			}
		}
	}
	got := classifyReply(stageRcpt, &textproto.Error{Code: 550, Msg: "5.1.1 no such user relay at sender.example"}, "relay@sender.example")
	if got.Class != usherv1.ErrorPermanent {
		t.Errorf("means %s: %s", got.Class, got.Message)
	}
}

// Two recipients with one refusal were refused for the same reason.
func TestRefusalsAreCompared(t *testing.T) {
	refusal := func(at stage, code int, msg, to string) string {
		return classifyReply(at, &textproto.Error{Code: code, Msg: msg}, to).Refusal
	}
	const ada, bob = "ada@acme.example", "bob@acme.example"
	one := refusal(stageRcpt, 550, "5.1.1 <ada@acme.example>: user unknown; queue 4Xk2", ada)
	if one == "" || strings.Contains(one, "ada") {
		t.Errorf("the refusal is %q", one)
	}
	if same := refusal(stageRcpt, 550, "5.1.1 <bob@acme.example>: User unknown; queue 7Yq9", bob); same != one {
		t.Error("two recipients differ")
	}
	if same := refusal(stageRcpt, 550, "5.1.1 user ada unknown", ada) == refusal(stageRcpt, 550, "5.1.1 user bob unknown", bob); !same {
		t.Error("two local parts differ")
	}
	for name, other := range map[string]string{
		"code":          refusal(stageRcpt, 553, "5.1.1 <ada@acme.example>: user unknown; queue 4Xk2", ada),
		"enhanced code": refusal(stageRcpt, 550, "5.1.2 <ada@acme.example>: user unknown; queue 4Xk2", ada),
		"text":          refusal(stageRcpt, 550, "5.1.1 <ada@acme.example>: no such user; queue 4Xk2", ada),
	} {
		if other == one || other == "" {
			t.Errorf("another %s is the same refusal", name)
		}
	}
	if got := refusal(stageRcpt, 451, "4.7.1 greylisted", ada) + refusal(stageAuth, 535, "5.7.8 no", ""); got != "" {
		t.Errorf("%q of what is not a refusal of a mail", got)
	}
}

func TestEnhancedCodes(t *testing.T) {
	for msg, want := range map[string]string{
		"5.1.1 no": "5.1.1", "no (#5.7.1)": "5.7.1", "cuda_nsu 5.1.1 <a@b>": "5.1.1", "no #5.1.0 here": "5.1.0", "5.7.750": "5.7.750", "5.1.1<a@b>": "5.1.1",
		"5.60.96.8 blacklisted": "", "your address 5.1.2.3 is listed": "", "5.9.1 no": "", "version 2.1.5": "", "no": "", "": "", "5.1.1234 no": "",
		"first\n5.7.1 second": "5.7.1", "<\"a 5.7.1 b\"@acme.example> no": "", "15.1.1": "", "421-5.7.1": "",
	} {
		if got := readAnswer(stageRcpt, &textproto.Error{Code: 550, Msg: msg}, "").enhanced; got != want {
			t.Errorf("%q has %q, want %q", msg, got, want)
		}
	}
}

// Codes that say enough by themselves, at RCPT, where everything else would be the recipient's.
func TestCodesWithoutWords(t *testing.T) {
	for code, want := range map[string]usherv1.ErrorClass{
		"5.2.2": usherv1.ErrorTemporary, "5.4.5": usherv1.ErrorTemporary,
		"5.3.4": usherv1.ErrorConfiguration, "5.2.3": usherv1.ErrorConfiguration, "5.1.7": usherv1.ErrorConfiguration, "5.1.8": usherv1.ErrorConfiguration,
		"5.2.252": usherv1.ErrorConfiguration, "5.7.1": usherv1.ErrorConfiguration, "5.7.23": usherv1.ErrorConfiguration, "5.7.25": usherv1.ErrorConfiguration,
		"5.7.26": usherv1.ErrorConfiguration, "5.7.27": usherv1.ErrorConfiguration, "5.7.28": usherv1.ErrorConfiguration, "5.7.29": usherv1.ErrorConfiguration,
		"5.7.30": usherv1.ErrorConfiguration, "5.7.57": usherv1.ErrorConfiguration, "5.7.60": usherv1.ErrorConfiguration, "5.7.501": usherv1.ErrorConfiguration,
		"5.7.509": usherv1.ErrorConfiguration, "5.7.708": usherv1.ErrorConfiguration,
		"5.1.1": usherv1.ErrorPermanent, "5.1.10": usherv1.ErrorPermanent, "5.2.1": usherv1.ErrorPermanent, "5.6.7": usherv1.ErrorPermanent,
		"5.7.12": usherv1.ErrorPermanent, "5.7.124": usherv1.ErrorPermanent, "5.4.1": usherv1.ErrorPermanent, "": usherv1.ErrorPermanent,
	} {
		got := classifyReply(stageRcpt, &textproto.Error{Code: 550, Msg: code + " no"}, "ada@acme.example")
		if got.Class != want {
			t.Errorf("550 %s means %s, want %s", code, got.Class, want)
		}
	}
	for _, other := range []string{"policy-relay@quota.example", "<limit@spf.example>", "mailto:sender@dkim.example"} {
		got := classifyReply(stageRcpt, &textproto.Error{Code: 550, Msg: "5.1.1 no mailbox; ask " + other}, "ada@acme.example")
		if got.Class != usherv1.ErrorPermanent {
			t.Errorf("with %s in the text, it means %s", other, got.Class)
		}
	}
}
