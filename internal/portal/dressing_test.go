// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package portal_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/invite"
	"github.com/usher-dev/usher/internal/portal"
)

// follow gets a path and up to three pages that the answers redirect to.
func (w *world) follow(path string) (*httptest.ResponseRecorder, string) {
	w.t.Helper()
	for range 3 {
		answer := w.get(path)
		if answer.Code != http.StatusSeeOther && answer.Code != http.StatusMovedPermanently && answer.Code != http.StatusTemporaryRedirect {
			return answer, path
		}
		path = answer.Header().Get("Location")
	}
	w.t.Fatalf("%s is redirected again and again", path)
	return nil, ""
}

// A link that a mail program made longer or broke in two opens the page, at the link's own address.
func TestADressedLinkOpensThePage(t *testing.T) {
	w := newWorld(t)
	link := w.link()
	broken := link[:len(link)-20]
	for _, dressed := range []string{
		link + ".", link + "%3E", link + ">", link + ")", link + "%5D", link + "]", link + ",", link + ";", link + "%20", link + "%22", link + "'", link + "%E2%80%9D",
		link + "/", link + "//", link + "/%3E", link + "/.", link + "%2F", link + "=", link + "=%0D%0A", link + "%3D", link + "&gt;", link + "_", link + "-",
		link + "%0A", link + "%20and%20then", link + "%253E", link + "%C2%A0", link + "%E2%80%8B", link + "%ff", link + "/?lang=", link + "%3E?utm_source=mail",
		broken + "=%0D%0A" + link[len(broken):], broken + "%20" + link[len(broken):] + ".", broken + "=" + link[len(broken):],
		strings.Replace(link, "/ada/", "/a%0D%0Ada/", 1), strings.Replace(link, "/i/portal", "/i/por=%0D%0Atal", 1),
	} {
		answer, at := w.follow(dressed)
		w.expectPage(answer, http.StatusOK, titleForm)
		w.Expect(at).To(Equal(link), dressed)
	}
	_, at := w.follow(link + ".?lang=fr")
	w.Expect(at).To(Equal(link+"?lang=fr"), "the language is kept")
	_, at = w.follow(link + "%3E/decline")
	w.Expect(at).To(Equal(link + "/decline"))
	w.Expect(w.wire.mutations.Load()).To(BeZero())
	w.expectNoSecretsInLogs()
}

func TestADressedLinkCanBeAnswered(t *testing.T) {
	for _, dressing := range []string{".", "%3E", "/", "/%3E", "=%0D%0A"} {
		w := newWorld(t)
		answer := w.post(w.link()+dressing, acceptance())
		w.Expect(answer.Header().Get("Location")).To(Equal(w.link() + "/welcome"))
		w.expectDone(answer, titleWaiting)
		_, at := w.follow(w.link() + dressing)
		w.Expect(at).To(Equal(w.link()))
		w.expectPage(w.get(at), http.StatusGone, titleUsed)
	}
}

// A link that was mailed before tokens ended in an alphanumeric character works, also where a mail program has left out its end.
func TestALinkFromBeforeThatLostItsEnd(t *testing.T) {
	w := newWorld(t)
	generation, old := int64(0), ""
	for !strings.HasSuffix(old, "-") && !strings.HasSuffix(old, "_") {
		generation++
		old = tokenFromBefore(bytes.Repeat([]byte{7}, invite.KeyLength), w.invitation.UID, generation, "ada@acme.example")
	}
	updateStatus(w, w.invitation, func(i *usherv1.Invitation) { i.Status.LinkGeneration = generation })
	base := "/i/" + w.invitation.Namespace + "/ada/"
	for _, token := range []string{old, old[:len(old)-1], old[:len(old)-1] + ".", old + ">", w.token()} {
		answer, _ := w.follow(base + token)
		w.expectPage(answer, http.StatusOK, titleForm)
	}
	w.Expect(w.token()).To(MatchRegexp("[A-Za-z0-9]$"))
	w.expectPage(w.get(base+old[:len(old)-2]), http.StatusNotFound, titleUnknown)
	w.expectDone(w.post(base+old[:len(old)-1], acceptance()), titleWaiting)
}

// tokenFromBefore is the format of tokens until they ended in an alphanumeric character.
func tokenFromBefore(key []byte, uid types.UID, generation int64, email string) string {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{string(uid), email} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(generation)))
	id := sha256.Sum256(key)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(id[:4:4]))
}

// inhabited is an API server with one invited member.
type inhabited struct{ deserted }

const inhabitedUID = "uid-1"

func (i inhabited) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if key.Namespace == "acme" && key.Name == "ada" || key.Name == "acme" {
		switch o := object.(type) {
		case *usherv1.Invitation:
			o.ObjectMeta = metav1.ObjectMeta{Namespace: "acme", Name: "ada", UID: inhabitedUID}
			o.Spec.MemberRef.Name = "ada"
			o.Status = usherv1.InvitationStatus{State: usherv1.InvitationSent, Recipient: "ada@acme.example", LinkGeneration: 1}
			return nil
		case *usherv1.Member:
			o.ObjectMeta = metav1.ObjectMeta{Namespace: "acme", Name: "ada"}
			o.Spec = usherv1.MemberSpec{AccountRef: usherv1.AccountReference{Name: "acme"}, Email: "ada@acme.example"}
			return nil
		case *usherv1.Account:
			o.ObjectMeta = metav1.ObjectMeta{Namespace: "acme", Name: "acme"}
			o.Spec.DisplayName = "Acme SAS"
			return nil
		}
	}
	return i.deserted.Get(ctx, key, object, opts...)
}

// Whatever a mail program adds to a link, its reader gets to the form, at the link's own address; unless it makes another token of it.
func FuzzDressedLink(f *testing.F) {
	for _, dressing := range []string{
		".", ">", ")", "]", ",", ";", " ", "\"", "/", "//", "=", "=\r\n", "-", "_", "&gt;", "%20", "/welcome", "/x", "x", "\x00", "\xff", "/..", "。", "?", "#",
	} {
		f.Add(dressing)
	}
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.KeyLength))
	if err != nil {
		f.Fatal(err)
	}
	p := portal.New(portal.Options{
		Client: inhabited{deserted{asked: func(types.NamespacedName) {}}}, Log: logr.Discard(),
		Keys:   func(context.Context) (invite.Keyring, error) { return keys, nil },
		Limits: portal.Limits{EvenTime: time.Nanosecond, PagesPerMinute: 1 << 30, ReadsPerSecond: 1 << 30},
	})
	link := "/i/acme/ada/" + keys.Token(inhabitedUID, 1, "ada@acme.example")
	f.Fuzz(func(t *testing.T, dressing string) {
		if strings.Contains(dressing, "/..") || strings.HasPrefix(dressing, "/welcome") || strings.HasPrefix(dressing, "/decline") {
			return // another page
		}
		at, answer := link+url.PathEscape(dressing), httptest.NewRecorder()
		for range 4 {
			answer = httptest.NewRecorder()
			p.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, at, nil))
			if answer.Code/100 != 3 {
				break
			}
			at = answer.Header().Get("Location")
		}
		longer := regexp.MustCompile(`^[A-Za-z0-9]`).MatchString(dressing)
		if !longer && (answer.Code != http.StatusOK || at != link) || longer && answer.Code != http.StatusNotFound {
			t.Fatalf("%q is answered with %d at %s", dressing, answer.Code, at)
		}
	})
}
