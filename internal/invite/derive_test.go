// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package invite

import (
	"bytes"
	"testing"

	. "github.com/onsi/gomega"
)

func TestDerivedKeys(t *testing.T) {
	g := NewWithT(t)
	old, young := bytes.Repeat([]byte{1}, KeyLength), bytes.Repeat([]byte{2}, KeyLength)
	derive := func(label string, current, previous []byte) (a, b []byte) {
		keys, err := keyring(t, current, previous).Derive(label)
		g.Expect(err).NotTo(HaveOccurred())
		if previous == nil {
			g.Expect(keys).To(HaveLen(1))
			return keys[0], nil
		}
		g.Expect(keys).To(HaveLen(2))
		return keys[0], keys[1]
	}
	before, none := derive("sessions", old, nil)
	g.Expect(before).To(HaveLen(KeyLength))
	g.Expect(before).NotTo(Equal(old))
	g.Expect(none).To(BeNil())
	again, _ := derive("sessions", old, nil)
	g.Expect(again).To(Equal(before), "each replica derives the same")
	other, _ := derive("something else", old, nil)
	g.Expect(other).NotTo(Equal(before))

	current, previous := derive("sessions", young, old)
	g.Expect(current).NotTo(Equal(before))
	g.Expect(previous).To(Equal(before), "what was signed before a rotation stays valid")
}
