package wire

// Op is the protocolOp choice of a message, by its BER tag (RFC 4511 §4.1.1).
type Op byte

// The protocolOp choices of RFC 4511.
const (
	OpBindRequest      Op = 0x60
	OpBindResponse     Op = 0x61
	OpUnbindRequest    Op = 0x42
	OpSearchRequest    Op = 0x63
	OpSearchEntry      Op = 0x64
	OpSearchDone       Op = 0x65
	OpModifyRequest    Op = 0x66
	OpModifyResponse   Op = 0x67
	OpAddRequest       Op = 0x68
	OpAddResponse      Op = 0x69
	OpDeleteRequest    Op = 0x4a
	OpDeleteResponse   Op = 0x6b
	OpModifyDNRequest  Op = 0x6c
	OpModifyDNResponse Op = 0x6d
	OpCompareRequest   Op = 0x6e
	OpCompareResponse  Op = 0x6f
	OpAbandonRequest   Op = 0x50
	OpSearchReference  Op = 0x73
	OpExtendedRequest  Op = 0x77
	OpExtendedResponse Op = 0x78
	OpIntermediate     Op = 0x79
)

// Response returns the choice that ends the answer to a request, 0 for those that have none (unbind, abandon).
func (o Op) Response() Op {
	switch o {
	case OpBindRequest:
		return OpBindResponse
	case OpSearchRequest:
		return OpSearchDone
	case OpModifyRequest:
		return OpModifyResponse
	case OpAddRequest:
		return OpAddResponse
	case OpDeleteRequest:
		return OpDeleteResponse
	case OpModifyDNRequest:
		return OpModifyDNResponse
	case OpCompareRequest:
		return OpCompareResponse
	case OpExtendedRequest:
		return OpExtendedResponse
	default:
		return 0
	}
}

// String names a request operation; it is a closed set, fit for a metric label.
func (o Op) String() string {
	switch o {
	case OpBindRequest:
		return "bind"
	case OpUnbindRequest:
		return "unbind"
	case OpSearchRequest:
		return "search"
	case OpModifyRequest:
		return "modify"
	case OpAddRequest:
		return "add"
	case OpDeleteRequest:
		return "delete"
	case OpModifyDNRequest:
		return "modifydn"
	case OpCompareRequest:
		return "compare"
	case OpAbandonRequest:
		return "abandon"
	case OpExtendedRequest:
		return "extended"
	default:
		return "unknown"
	}
}

// Message is one decoded request. Only the field that Op names is meaningful; the others keep memory for later.
// Everything in it points into the PDU given to Decode.
type Message struct {
	// ID is 1 to 2147483647, or 0 when the frame could not be read.
	ID int32
	// Op is 0 when the frame could not be read.
	Op       Op
	Controls []Control

	Bind     BindRequest
	Search   SearchRequest
	Compare  CompareRequest
	Modify   ModifyRequest
	Add      AddRequest
	Delete   []byte // the name of the entry
	ModifyDN ModifyDNRequest
	Abandon  int32 // the message id to give up
	Extended ExtendedRequest

	values [][]byte // backs the Values of Modify and Add
}

// keep bounds what a Message holds on to after a large request.
const keep = 1024

// Decode reads the one PDU in pdu into m. The error is always an *Error: when it is not Fatal, ID and Op are set and
// the request can be answered with its Code.
func (m *Message) Decode(pdu []byte) error {
	m.ID, m.Op, m.Controls = 0, 0, m.Controls[:0]
	frame := cursor{rest: pdu}
	c := cursor{rest: frame.want(tagSequence, "message")}
	if frame.err == nil && frame.more() {
		frame.fail(malformed("octets after the message"))
	}
	if frame.err != nil {
		return frame.err
	}
	id := c.integer("message id")
	// RFC 4511 §4.1.1.1: 0 is reserved for unsolicited notifications.
	if c.err == nil && id <= 0 {
		c.fail(malformed("message id out of range"))
	}
	tag, body := c.next()
	if c.err != nil {
		return c.err
	}
	op := Op(tag)
	if !op.request() {
		return malformed("unknown protocol operation")
	}
	var controls []byte
	if c.peek() == tagControls {
		_, controls = c.next()
	}
	if err := c.finish(); err != nil {
		return err
	}
	m.ID, m.Op = id, op
	if err := m.decodeOp(body); err != nil {
		return err
	}
	var err error
	m.Controls, err = decodeControls(m.Controls, controls)
	return err
}

func (o Op) request() bool { return o.Response() != 0 || o == OpUnbindRequest || o == OpAbandonRequest }

func (m *Message) decodeOp(body []byte) error {
	c := cursor{rest: body}
	switch m.Op {
	case OpBindRequest:
		return m.Bind.decode(&c)
	case OpSearchRequest:
		return m.Search.decode(&c)
	case OpCompareRequest:
		return m.Compare.decode(&c)
	case OpModifyRequest:
		m.resetValues()
		return m.decodeModify(&c)
	case OpAddRequest:
		m.resetValues()
		return m.decodeAdd(&c)
	case OpModifyDNRequest:
		return m.ModifyDN.decode(&c)
	case OpExtendedRequest:
		return m.Extended.decode(&c)
	case OpDeleteRequest:
		m.Delete = body
	case OpAbandonRequest:
		var err error
		m.Abandon, err = int32Of(body)
		return err
	case OpUnbindRequest:
		// RFC 4511 §4.3: contents are NULL; whatever is there, the client is leaving.
	}
	return nil
}

func (m *Message) resetValues() {
	if cap(m.values) > keep {
		m.values = nil
	}
	m.values = m.values[:0]
}
