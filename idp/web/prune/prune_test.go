package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

func TestPrunedStyleSheetIsCurrent(t *testing.T) {
	want, err := build("..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../static/tabler.css")
	if err != nil || string(got) != want {
		t.Errorf("static/tabler.css is not what prune makes: run go generate ./idp/web (%v)", err)
	}
}

func TestPublishedFileIsTheListedOne(t *testing.T) {
	list, err := os.ReadFile("SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	published, err := os.ReadFile("tabler.min.css")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(published); !strings.Contains(string(list), "\n"+hex.EncodeToString(sum[:])+"  tabler.min.css  npm:") {
		t.Errorf("tabler.min.css has the hash %x, which is not listed", sum)
	}
}

func TestPrune(t *testing.T) {
	used := map[string]bool{"btn": true, "card": true}
	for _, tt := range []struct{ name, in, want string }{
		{"element", `a,b:hover{x:y}`, `a,b:hover{x:y}`},
		{"used and unused", `.btn,.nav,.btn .nav{x:y}`, `.btn{x:y}`},
		{"not does not need its class", `.btn:not(.nav){x:y}`, `.btn:not(.nav){x:y}`},
		{"comma inside", `.card:is(.a,.b),.c{x:y}`, `.card:is(.a,.b){x:y}`},
		{"nested", `@media (min-width:1px){.nav{x:y}.btn{x:y}}@media print{.nav{x:y}}`, `@media (min-width:1px){.btn{x:y}}`},
		{"string with braces", `.btn{x:url("a{}")}.nav{x:url('}')}`, `.btn{x:url("a{}")}`},
		{"keyframes", `@keyframes a{0%{x:y}}@keyframes b{0%{x:y}}.btn{animation:a 1s}`, `@keyframes a{0%{x:y}}.btn{animation:a 1s}`},
		{"licence", "@charset \"UTF-8\";/*! MIT */.btn{x:y}/* no */", "/*! MIT */\n.btn{x:y}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.TrimSuffix(prune(tt.in, used), "\n"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
