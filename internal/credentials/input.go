// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// maxChoice is the length of the longest language tag that the API takes, in characters.
const maxChoice = 35

// bcryptHash matches a bcrypt hash as in crypt(5), of a cost of 4 to 14: a password file has one in each line, and with each step of the
// cost a comparison takes twice as long. At 14 it takes about a second, at 31 more than a day.
var bcryptHash = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$`)

// PasswordHash returns the bcrypt hash of the member's password; nil if there is none that can be used.
func PasswordHash(secret *corev1.Secret) []byte {
	hash := value(secret, KeyPasswordHash)
	if !IsPasswordHash(hash) {
		return nil
	}
	return []byte(hash)
}

// IsPasswordHash reports whether a text is a bcrypt hash that can be used, and nothing else.
func IsPasswordHash(hash string) bool { return bcryptHash.MatchString(hash) }

// usable returns what the member says in a field; empty if the value cannot be used, and then a problem says why.
func (f Field) usable(secret *corev1.Secret) (said, problem string) {
	said = value(secret, f.Key)
	most := f.MaxLength
	if f.Choice {
		most = maxChoice
	}
	switch {
	case !utf8.ValidString(said):
		return "", f.Key + " is not UTF-8"
	case utf8.RuneCountInString(said) > most:
		return "", fmt.Sprintf("%s is longer than %d characters", f.Key, most)
	case strings.ContainsFunc(said, unicode.IsControl):
		return "", f.Key + " contains a control character"
	}
	return said, ""
}

// problemsOf returns why values of the Secret are not used, and what Usher cannot change in it; empty if there is nothing to say.
func problemsOf(secret *corev1.Secret) string {
	var problems []string
	for _, f := range Fields {
		if _, problem := f.usable(secret); problem != "" {
			problems = append(problems, problem)
		}
	}
	if value(secret, KeyPasswordHash) != "" && PasswordHash(secret) == nil {
		problems = append(problems, KeyPasswordHash+" is no bcrypt hash of a cost of 4 to 14")
	}
	if Immutable(secret) {
		problems = append(problems, "it is immutable, so that the member cannot change the profile, nor Usher the "+KeyAPIToken)
	}
	return strings.Join(problems, "; ")
}

// Immutable reports whether the API server lets no one change what the Secret says.
func Immutable(secret *corev1.Secret) bool { return secret.Immutable != nil && *secret.Immutable }
