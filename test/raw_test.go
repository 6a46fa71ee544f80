package test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
)

// rawConn is a bound LDAPS connection read message by message.
type rawConn struct{ net.Conn }

// rawBind binds with a hand-made request (RFC 4511 §4.2).
func (w *world) rawBind(t *testing.T, dn, password string) rawConn {
	t.Helper()
	conn, err := tls.Dial("tcp", w.LDAPS, w.tls(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	message := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "LDAPMessage")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "messageID"))
	bind := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 0, nil, "BindRequest")
	bind.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, "version"))
	bind.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, "name"))
	bind.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, password, "simple"))
	message.AppendChild(bind)
	if _, err := conn.Write(message.Bytes()); err != nil {
		t.Fatal(err)
	}
	c := rawConn{conn}
	answer, err := c.read(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if code := answer.Children[1].Children[0].Value; code != int64(0) {
		t.Fatalf("bind: result %v", code)
	}
	return c
}

func (c rawConn) read(timeout time.Duration) (*ber.Packet, error) {
	if err := c.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	return ber.ReadPacket(c)
}

// ending is how the server ended a connection: err is nil after a Notice of
// Disconnection (RFC 4511 §4.4.1) and the end of the stream.
type ending struct {
	at  time.Time
	err error
}

// disconnection waits in the background for the server to end the connection.
func (c rawConn) disconnection() <-chan ending {
	ended := make(chan ending, 1)
	go func() {
		err := c.noticed()
		ended <- ending{at: time.Now(), err: err}
	}()
	return ended
}

func (c rawConn) noticed() error {
	notice, err := c.read(10 * time.Second)
	if err != nil {
		return err
	}
	const extendedResponse, responseName = 24, 10
	response := notice.Children[1]
	if notice.Children[0].Value != int64(0) || response.Tag != extendedResponse {
		return fmt.Errorf("message %v with tag %d, want an unsolicited notification", notice.Children[0].Value, response.Tag)
	}
	for _, child := range response.Children {
		if child.ClassType == ber.ClassContext && child.Tag == responseName && child.Data.String() != "1.3.6.1.4.1.1466.20036" {
			return fmt.Errorf("notification %q, want the Notice of Disconnection", child.Data)
		}
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the notice: %v, want the end", err)
	}
	return nil
}

// withoutAuthenticator: an Access-Request without Message-Authenticator gets
// no answer, nor one whose Message-Authenticator is wrong; the same packet
// with the right one does.
func (s *story) withoutAuthenticator(t *testing.T) {
	for _, c := range []struct {
		name   string
		sign   func(packet []byte)
		append bool
		want   bool
	}{
		{name: "missing"},
		{name: "wrong", append: true, sign: func(packet []byte) { packet[len(packet)-1] ^= 1 }},
		{name: "right", append: true, want: true},
	} {
		packet := radius.New(radius.CodeAccessRequest, []byte(s.radiusSecret))
		for _, err := range []error{rfc2865.UserName_SetString(packet, jane), rfc2865.UserPassword_SetString(packet, s.password)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if c.append {
			if err := signRequest(packet); err != nil {
				t.Fatal(err)
			}
		}
		b, err := packet.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if c.sign != nil {
			c.sign(b)
		}
		if got := answered(t, s.Auth, b); got != c.want {
			t.Errorf("%s: answered %v, want %v", c.name, got, c.want)
		}
	}
}

// signRequest adds the Message-Authenticator to a request whose attributes are
// complete (RFC 3579 §3.2).
func signRequest(packet *radius.Packet) error {
	if err := rfc2869.MessageAuthenticator_Set(packet, make([]byte, md5.Size)); err != nil {
		return err
	}
	b, err := packet.MarshalBinary()
	if err != nil {
		return err
	}
	mac := hmac.New(md5.New, packet.Secret)
	mac.Write(b)
	return rfc2869.MessageAuthenticator_Set(packet, mac.Sum(nil))
}

// answered sends one datagram and waits two seconds for an answer.
func answered(t *testing.T, addr string, packet []byte) bool {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 4096))
	return err == nil && n > 0
}
