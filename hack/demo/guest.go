// Copyright The Usher Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// guest is a person with a browser and a link.
type guest struct{ link string }

// page is what the portal returned.
type page struct {
	status int
	title  string
}

func (p page) String() string { return fmt.Sprintf("%d %s", p.status, p.title) }

// open requests the page behind the link, as mail scanners do too.
func (g guest) open(ctx context.Context) (page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.link, nil)
	if err != nil {
		return page{}, err
	}
	return g.visit(request)
}

// accept fills in the form and submits it.
func (g guest) accept(ctx context.Context, password string) (page, error) {
	return g.submit(ctx, url.Values{
		"action":           {"accept"},
		"password":         {password},
		"password_confirm": {password},
		"terms":            {"on"},
	})
}

// decline presses the button that declines.
func (g guest) decline(ctx context.Context) (page, error) {
	return g.submit(ctx, url.Values{"action": {"decline"}})
}

func (g guest) submit(ctx context.Context, form url.Values) (page, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.link, strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// The headers that a browser sends with a form from the same origin.
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("Origin", request.URL.Scheme+"://"+request.URL.Host)
	return g.visit(request)
}

var titleElement = regexp.MustCompile(`(?s)<title>(.*?)</title>`)

func (g guest) visit(request *http.Request) (page, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return page{}, err
	}
	shown := page{status: response.StatusCode}
	if title := titleElement.FindSubmatch(body); title != nil {
		shown.title = html.UnescapeString(strings.TrimSpace(string(title[1])))
	}
	return shown, nil
}
