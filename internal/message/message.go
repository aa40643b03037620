package message

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	usherv1 "github.com/usher-dev/usher/api/v1alpha1"
	"github.com/usher-dev/usher/internal/mail"
)

type Message any
type Invitation = mail.Invitation
type ExpiryNotice = mail.Ending
type Wording = mail.Wording
type Mistake = mail.Mistake

type ider interface{ MessageID(string) string }

func ParseWording(data map[string]string) (Wording, []Mistake) { return mail.ParseWording(data) }
func InvitationID(uid types.UID, link int64, e ider) string {
	return e.MessageID(fmt.Sprintf("%s.%d", uid, link))
}
func ReminderID(id, before string) string { return mail.ReminderID(id, before) }
func ExpiryNoticeID(member types.UID, to usherv1.EndNoticeRecipient, at time.Time, e ider) string {
	return e.MessageID(fmt.Sprintf("%s.end-%d-%s", member, at.Unix(), to))
}
