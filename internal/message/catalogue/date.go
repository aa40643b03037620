// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package catalogue

import (
	"errors"
	"strconv"
	"time"
)

// Date defines how a language writes a moment. Patterns have the placeholders {weekday}, {day}, {month}, {year}, {hour} and
// {minute}; for the 12-hour clock they have {hour12} and {period} (AM or PM) instead of {hour}.
type Date struct {
	// Months are the names from January to December.
	Months []string `json:"months"`
	// Weekdays are the names from Monday to Sunday.
	Weekdays []string `json:"weekdays"`
	// FirstDay is how the first day of a month is written, if that is not 1.
	FirstDay string `json:"firstDay,omitempty"`
	// Mail is the pattern in mails.
	Mail string `json:"mail"`
	// MailAtOne is the pattern in mails from 1:00 to 1:59, for languages whose article changes with the hour.
	MailAtOne string `json:"mailAtOne,omitempty"`
	// Page is the pattern on pages.
	Page string `json:"page"`
}

func (d *Date) validate() error {
	switch {
	case len(d.Months) != 12:
		return errors.New("date.months must have 12 names")
	case len(d.Weekdays) != 7:
		return errors.New("date.weekdays must have 7 names")
	case d.Mail == "" || d.Page == "":
		return errors.New("date.mail and date.page must have a pattern")
	}
	return nil
}

// MailMoment writes a moment as a mail does: in UTC, to the minute.
func (c *Catalogue) MailMoment(t time.Time) string {
	t = t.UTC()
	pattern := c.Date.Mail
	if t.Hour() == 1 && c.Date.MailAtOne != "" {
		pattern = c.Date.MailAtOne
	}
	return c.Date.format(pattern, t)
}

// PageMoment writes a moment as a page does: with the weekday, in UTC, to the minute. The time zone of the reader is not known.
func (c *Catalogue) PageMoment(t time.Time) string { return c.Date.format(c.Date.Page, t.UTC()) }

func (d *Date) format(pattern string, t time.Time) string {
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 && d.FirstDay != "" {
		day = d.FirstDay
	}
	return fill(pattern, map[string]string{
		"weekday": d.Weekdays[(t.Weekday()+6)%7], // Go's weeks begin on Sunday
		"day":     day,
		"month":   d.Months[t.Month()-1],
		"year":    strconv.Itoa(t.Year()),
		"hour":    t.Format("15"),
		"hour12":  t.Format("3"),
		"minute":  t.Format("04"),
		"period":  t.Format("PM"),
	}).String()
}
