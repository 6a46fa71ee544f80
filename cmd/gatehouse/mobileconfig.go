package main

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// wifiProfile is what a profile for Apple's devices says: who the device is, whom
// it trusts, and the network that it joins by both.
type wifiProfile struct {
	name     string // shown on the device
	domain   string
	ssid     string
	server   string // name in the certificate of the network
	identity []byte // PKCS #12; the device asks for its password
	ca       []byte // DER, of the CA that issued the certificate of the network
}

// dict is a property list dictionary, in order.
type dict []entry

type entry struct {
	key   string
	value any // string, int, bool, []byte, []any, dict
}

// encode makes the profile (Apple's Configuration Profile Reference: a
// certificate, a root, and an 802.1X Wi-Fi payload with EAP-TLS, type 13).
func (p wifiProfile) encode() []byte {
	identity, anchor, wifi, whole := uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()
	labels := strings.Split(p.domain, ".")
	for i, j := 0, len(labels)-1; i < j; i, j = i+1, j-1 {
		labels[i], labels[j] = labels[j], labels[i]
	}
	payload := func(kind, id, name string, more ...entry) dict {
		return append(dict{
			{"PayloadType", kind},
			{"PayloadVersion", 1},
			{"PayloadIdentifier", strings.Join(labels, ".") + ".gatehouse." + id},
			{"PayloadUUID", id},
			{"PayloadDisplayName", name},
		}, more...)
	}
	content := []any{
		payload("com.apple.security.pkcs12", identity, p.name, entry{"PayloadContent", p.identity}),
		payload("com.apple.security.root", anchor, "CA of "+p.domain, entry{"PayloadContent", p.ca}),
		payload("com.apple.wifi.managed", wifi, "Wi-Fi "+p.ssid,
			entry{"SSID_STR", p.ssid}, entry{"AutoJoin", true}, entry{"EncryptionType", "WPA"},
			entry{"PayloadCertificateUUID", identity},
			entry{"EAPClientConfiguration", dict{
				{"AcceptEAPTypes", []any{13}},
				{"TLSTrustedServerNames", []any{p.server}},
				{"PayloadCertificateAnchorUUID", []any{anchor}},
			}}),
	}
	root := payload("Configuration", whole, p.name, entry{"PayloadOrganization", p.domain}, entry{"PayloadContent", content})
	var b bytes.Buffer
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n")
	b.WriteString("<plist version=\"1.0\">\n")
	writePlist(&b, root)
	b.WriteString("</plist>\n")
	return b.Bytes()
}

func writePlist(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString("<string>")
		_ = xml.EscapeText(b, []byte(v)) // a Buffer takes everything
		b.WriteString("</string>\n")
	case int:
		fmt.Fprintf(b, "<integer>%d</integer>\n", v)
	case bool:
		fmt.Fprintf(b, "<%t/>\n", v)
	case []byte:
		fmt.Fprintf(b, "<data>%s</data>\n", base64.StdEncoding.EncodeToString(v))
	case []any:
		b.WriteString("<array>\n")
		for _, item := range v {
			writePlist(b, item)
		}
		b.WriteString("</array>\n")
	case dict:
		b.WriteString("<dict>\n")
		for _, e := range v {
			fmt.Fprintf(b, "<key>%s</key>\n", e.key)
			writePlist(b, e.value)
		}
		b.WriteString("</dict>\n")
	}
}
