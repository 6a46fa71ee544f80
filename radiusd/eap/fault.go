package eap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"gatehouse/directory"
)

// Fault tells the usual mistakes behind a rejection apart which the directory has
// not decided. docs/radius/troubleshooting.md says what to do about each.
type Fault string

// The faults.
const (
	NoCommonMethod         Fault = "no_common_method"
	ServerCertificate      Fault = "server_certificate" // it has expired or is not yet valid
	ServerNotTrusted       Fault = "server_not_trusted" // by the device
	DeviceClock            Fault = "device_clock"       // is wrong
	NoExtendedMasterSecret Fault = "no_extended_master_secret"
	NoClientCertificate    Fault = "no_client_certificate"
	NoCommonTLS            Fault = "no_common_tls"
	IdentityMismatch       Fault = "identity_mismatch"
	DeviceSilent           Fault = "device_silent"
	ConversationLost       Fault = "conversation_lost"
	Protocol               Fault = "protocol" // anything else that a device does not hold to
)

// Reason is the reason of the contract that a fault is a case of.
func (f Fault) Reason() directory.Reason {
	switch f {
	case ServerCertificate, ServerNotTrusted, DeviceClock, NoClientCertificate:
		return directory.ReasonCertificateInvalid
	case NoCommonMethod, NoExtendedMasterSecret, NoCommonTLS, IdentityMismatch, DeviceSilent, ConversationLost, Protocol:
		return directory.ReasonMethodNotAllowed
	}
	return directory.ReasonMethodNotAllowed
}

// diagnose says what is behind a TLS connection that has failed: the fault, and a
// sentence that says what to do. shown is the server's certificate; nil: it was
// not sent.
func diagnose(err error, shown *x509.Certificate, now time.Time) (Fault, string) {
	if alert, ok := alertOf(err); ok {
		return diagnoseAlert(alert, shown, now)
	}
	switch text := strings.TrimPrefix(err.Error(), "tls: "); {
	case text == "client didn't provide a certificate":
		return NoClientCertificate, "the device sent no certificate: install one (gatehouse device-cert create) and choose it in the profile of the network"
	case strings.HasPrefix(text, "client offered only unsupported versions"), strings.HasPrefix(text, "no cipher suite supported"):
		return NoCommonTLS, "the device speaks no TLS that is safe, it must know TLS 1.2 at least: " + text
	default:
		return Protocol, "TLS handshake: " + text
	}
}

// The alerts by which a device says what it thinks of the server's certificate
// (RFC 8446 §6.2).
const (
	alertBadCertificate         tls.AlertError = 42
	alertUnsupportedCertificate tls.AlertError = 43
	alertCertificateExpired     tls.AlertError = 45
	alertCertificateUnknown     tls.AlertError = 46
	alertUnknownCA              tls.AlertError = 48
	alertAccessDenied           tls.AlertError = 49
	alertProtocolVersion        tls.AlertError = 70
)

// bareAlert reads a message that is nothing but a fatal alert in clear. A device
// that speaks TLS 1.3 sends it so as long as it has no keys of its own, which
// crypto/tls takes for a damaged record.
//
// RFC 8446 §5.1, §6: type 21, two octets: level and description.
func bareAlert(b []byte) (tls.AlertError, bool) {
	const recordHeader, fatal = 5, 2
	if len(b) != recordHeader+2 || b[0] != 21 || b[3] != 0 || b[4] != 2 || b[5] != fatal {
		return 0, false
	}
	return tls.AlertError(b[6]), true
}

// alertOf returns the alert by which the device has given up; false: it has not.
// crypto/tls hides the number, but not the text.
func alertOf(err error) (tls.AlertError, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0, false
	}
	for alert := range tls.AlertError(255) {
		if alert.Error() == op.Err.Error() {
			return alert, true
		}
	}
	return 0, true
}

func diagnoseAlert(alert tls.AlertError, shown *x509.Certificate, now time.Time) (Fault, string) {
	said := "the device gave up (" + strings.TrimPrefix(alert.Error(), "tls: ") + "): "
	switch alert {
	case alertBadCertificate, alertUnsupportedCertificate, alertCertificateExpired, alertCertificateUnknown, alertUnknownCA, alertAccessDenied:
	case alertProtocolVersion:
		return NoCommonTLS, said + "it does not speak the version of TLS that was chosen; update it"
	default:
		return Protocol, said + "TLS handshake"
	}
	switch stale := outdated(shown, now); {
	case stale != "":
		return ServerCertificate, said + stale
	case alert == alertCertificateExpired && shown != nil:
		return DeviceClock, fmt.Sprintf("%sthe EAP server certificate is in force from %s to %s; the clock of the device is wrong",
			said, shown.NotBefore.UTC().Format(dayLayout), shown.NotAfter.UTC().Format(dayLayout))
	default:
		return ServerNotTrusted, said + "it must trust the CA that issued the EAP server certificate, and expect its name"
	}
}

const dayLayout = "2006-01-02 15:04"

// outdated says why the server's certificate does not count now; empty: it does.
func outdated(shown *x509.Certificate, now time.Time) string {
	switch {
	case shown == nil:
		return ""
	case now.After(shown.NotAfter):
		return "the EAP server certificate expired " + shown.NotAfter.UTC().Format(dayLayout) + ": renew the files of radius.eap and restart"
	case now.Before(shown.NotBefore):
		return "the EAP server certificate is not in force before " + shown.NotBefore.UTC().Format(dayLayout) + ": is the clock of this host right?"
	default:
		return ""
	}
}
