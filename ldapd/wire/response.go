package wire

// Result is an LDAPResult (RFC 4511 §4.1.9). The zero value is success.
type Result struct {
	Code ResultCode
	// MatchedDN is the last entry found on the way to an object that does not exist; only with codes 32, 33, 34, 36.
	MatchedDN string
	// Message is shown to people; empty is usual for success.
	Message string
}

func (r Result) size() int {
	return 2 + intSize(int32(r.Code)) + sizeOf(len(r.MatchedDN)) + sizeOf(len(r.Message))
}

func (r Result) append(dst []byte) []byte {
	dst = appendInt(dst, tagEnumerated, int32(r.Code))
	dst = AppendOctets(dst, r.MatchedDN)
	return AppendOctets(dst, r.Message)
}

const tagControls = 0xa0

// appendEnvelope appends everything in front of the contents of the protocolOp: op and controls are the sizes of the
// contents of either.
func appendEnvelope(dst []byte, id int32, tag Op, op, controls int) []byte {
	size := 2 + intSize(id) + sizeOf(op)
	if controls > 0 {
		size += sizeOf(controls)
	}
	dst = AppendHeader(dst, tagSequence, size)
	dst = appendInt(dst, tagInteger, id)
	return AppendHeader(dst, byte(tag), op)
}

func appendControls(dst, controls []byte) []byte {
	if len(controls) == 0 {
		return dst
	}
	return append(AppendHeader(dst, tagControls, len(controls)), controls...)
}

// AppendResult appends a response that is only an LDAPResult: op is OpSearchDone, OpModifyResponse, OpAddResponse,
// OpDeleteResponse, OpModifyDNResponse or OpCompareResponse. controls is empty or made by AppendControl.
func AppendResult(dst []byte, id int32, op Op, r Result, controls []byte) []byte {
	dst = appendEnvelope(dst, id, op, r.size(), len(controls))
	return appendControls(r.append(dst), controls)
}

// AppendBindResponse appends a BindResponse (RFC 4511 §4.2.2). sasl is nil when there are no serverSaslCreds.
func AppendBindResponse(dst []byte, id int32, r Result, sasl, controls []byte) []byte {
	const tagServerSASLCreds = 0x87
	size := r.size()
	if sasl != nil {
		size += sizeOf(len(sasl))
	}
	dst = r.append(appendEnvelope(dst, id, OpBindResponse, size, len(controls)))
	if sasl != nil {
		dst = append(AppendHeader(dst, tagServerSASLCreds, len(sasl)), sasl...)
	}
	return appendControls(dst, controls)
}

// AppendExtendedResponse appends an ExtendedResponse (RFC 4511 §4.12). An empty name and a nil value are left out.
func AppendExtendedResponse(dst []byte, id int32, r Result, name string, value, controls []byte) []byte {
	const (
		tagResponseName  = 0x8a
		tagResponseValue = 0x8b
	)
	size := r.size()
	if name != "" {
		size += sizeOf(len(name))
	}
	if value != nil {
		size += sizeOf(len(value))
	}
	dst = r.append(appendEnvelope(dst, id, OpExtendedResponse, size, len(controls)))
	if name != "" {
		dst = append(AppendHeader(dst, tagResponseName, len(name)), name...)
	}
	if value != nil {
		dst = append(AppendHeader(dst, tagResponseValue, len(value)), value...)
	}
	return appendControls(dst, controls)
}

// AppendIntermediate appends an IntermediateResponse (RFC 4511 §4.13). An empty name and a nil value are left out.
func AppendIntermediate(dst []byte, id int32, name string, value, controls []byte) []byte {
	const (
		tagName  = 0x80
		tagValue = 0x81
	)
	size := 0
	if name != "" {
		size += sizeOf(len(name))
	}
	if value != nil {
		size += sizeOf(len(value))
	}
	dst = appendEnvelope(dst, id, OpIntermediate, size, len(controls))
	if name != "" {
		dst = append(AppendHeader(dst, tagName, len(name)), name...)
	}
	if value != nil {
		dst = append(AppendHeader(dst, tagValue, len(value)), value...)
	}
	return appendControls(dst, controls)
}

// AppendReference appends a SearchResultReference (RFC 4511 §4.5.3) with at least one URI.
func AppendReference(dst []byte, id int32, uris []string) []byte {
	size := 0
	for _, u := range uris {
		size += sizeOf(len(u))
	}
	dst = appendEnvelope(dst, id, OpSearchReference, size, 0)
	for _, u := range uris {
		dst = AppendOctets(dst, u)
	}
	return dst
}

// AppendNotice appends a Notice of Disconnection.
// RFC 4511 §4.4.1: an extended response with message id 0, the notice's name and no value.
func AppendNotice(dst []byte, code ResultCode, msg string) []byte {
	return AppendExtendedResponse(dst, 0, Result{Code: code, Message: msg}, OIDNoticeOfDisconnection, nil, nil)
}
