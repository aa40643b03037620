package portal

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
)

func TestPreview(t *testing.T) {
	if os.Getenv("PREVIEW") == "" {
		t.Skip()
	}
	shot := func(name, target string, width, height int, dark bool) {
		args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
			"--user-data-dir=" + t.TempDir(), "--screenshot=/tmp/shots/" + name + ".png", "--window-size=" + itoa(width) + "," + itoa(height)}
		if dark {
			args = append(args, "--blink-settings=preferredColorScheme=0")
		}
		out, err := exec.Command("chromium", append(args, target)...).CombinedOutput()
		if err != nil {
			t.Log(string(out), err)
		}
	}
	os.MkdirAll("/tmp/shots", 0o755)
	serve := func(w *world) string {
		l, _ := net.Listen("tcp", "127.0.0.1:0")
		mux := http.NewServeMux()
		mux.Handle("/", w.portal)
		mux.HandleFunc("/preview", func(rw http.ResponseWriter, r *http.Request) {
			a := w.post(w.link(), acceptance(url.Values{"password": {"short"}, "terms": nil, "phone": {strings.Repeat("1", 60)}}))
			rw.Header().Set("Content-Type","text/html")
			rw.Write(a.Body.Bytes())
		})
		mux.HandleFunc("/raw", func(rw http.ResponseWriter, r *http.Request) {
			a := w.get(w.link())
			rw.Header().Set("Content-Type","text/html")
			rw.Write([]byte(strings.Replace(a.Body.String(), "<details", "<details open", 1)))
		})
		mux.HandleFunc("/frame", func(rw http.ResponseWriter, r *http.Request) {
			rw.Write([]byte(`<html><body style="margin:0;background:#888"><iframe src="`+r.URL.RawQuery+`" style="border:0;width:320px;height:2000px"></iframe></body></html>`))
		})
		go http.Serve(l, mux)
		return "http://" + l.Addr().String()
	}
	w := newWorld(t, func(w *world) { w.member.Spec.FamilyName = "Lovelace" })
	base := serve(w)
	shot("form", base+w.link(), 1000, 1500, false)
	shot("form-dark", base+w.link(), 1000, 1500, true)
	shot("form-phone", base+w.link(), 500, 1700, false)
	shot("errors", base+"/preview", 1000, 1800, false)
	shot("errors-dark", base+"/preview", 1000, 1800, true)
	shot("open-320", base+"/frame?/raw", 500, 2000, false)
	shot("errors-320", base+"/frame?/preview", 500, 2000, true)
	shot("unknown", base+"/i/a/b/c", 1000, 700, false)
	w.post(w.link(), acceptance())
	shot("waiting", base+w.link()+"/welcome", 1000, 800, false)
	updateStatus(w, w.member, func(m *usherv1.Member) {
		m.Status.State, m.Status.Seats = usherv1.ObservedActive, []usherv1.MemberSeat{{Pool: "base", Grant: 1}}
	})
	shot("welcome", base+w.link()+"/welcome", 1000, 800, false)
	shot("welcome-dark", base+w.link()+"/welcome", 1000, 800, true)
	w2 := newWorld(t, func(w *world) { w.member.Spec.Language = "fr"; w.account.Spec.DisplayName = "Compagnie générale des établissements transatlantiques" })
	base2 := serve(w2)
	shot("fr-320", base2+"/frame?/preview", 500, 2200, false)
	shot("fr", base2+w2.link(), 1000, 1500, false)
	w2.clock.Store(noon.Add(8 * 24 * time.Hour).Unix())
	shot("expired-fr", base2+w2.link(), 500, 800, false)
}
func itoa(i int) string { b := []byte{}; for i > 0 { b = append([]byte{byte('0' + i%10)}, b...); i /= 10 }; return string(b) }
