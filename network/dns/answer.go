package dns

import (
	"encoding/binary"
	"strings"

	"github.com/miekg/dns"
)

const (
	headerSize  = 12
	responseBit = 0x80 // in the third byte of a message
	// maxUDP is the most an answer over UDP has: no fragment on any network
	// in use (DNS flag day 2020).
	maxUDP = 1232
)

// answer returns the answer to what the cluster knows or nobody may ask. A name
// that is left is for upstream: the whole answer to it when there is none yet,
// else the rest (the addresses of an external name).
func (s *Server) answer(q *dns.Msg) (r *dns.Msg, left string) {
	switch {
	case q.Opcode != dns.OpcodeQuery:
		return reply(q, dns.RcodeNotImplemented), ""
	case len(q.Question) != 1:
		return reply(q, dns.RcodeFormatError), ""
	}
	if opt := q.IsEdns0(); opt != nil && opt.Version() != 0 {
		return reply(q, dns.RcodeBadVers), ""
	}
	question := q.Question[0]
	switch {
	case question.Qclass != dns.ClassINET:
		return reply(q, dns.RcodeRefused), ""
	case question.Qtype == dns.TypeAXFR || question.Qtype == dns.TypeIXFR:
		return reply(q, dns.RcodeRefused), ""
	}
	name := strings.ToLower(question.Name)
	got, ours := s.zone.find(name, question.Qtype)
	if !ours {
		return nil, name
	}
	r = reply(q, got.code)
	r.Authoritative = true
	r.Answer, r.Extra = got.answers, append(got.extra, r.Extra...)
	for _, rr := range r.Answer {
		// The name as it was asked, whose case may be a nonce (0x20).
		if h := rr.Header(); len(h.Name) == len(question.Name) && strings.EqualFold(h.Name, question.Name) {
			h.Name = question.Name
		}
	}
	if len(r.Answer) == 0 {
		r.Ns = []dns.RR{s.zone.soa(got.apex)}
	}
	return r, got.away
}

// join adds upstream's answer about the name that was left.
func join(r, rest *dns.Msg) *dns.Msg {
	r.Rcode, r.Authoritative = rest.Rcode, false
	r.Answer = append(r.Answer, rest.Answer...)
	r.Ns = rest.Ns
	return r
}

// reply begins an answer.
func reply(q *dns.Msg, code int) *dns.Msg {
	r := new(dns.Msg)
	r.SetRcode(q, code)
	r.RecursionAvailable = true
	r.Compress = true
	if opt := q.IsEdns0(); opt != nil {
		r.SetEdns0(maxUDP, opt.Do())
	}
	return r
}

// formatError answers what cannot be read, knowing its ID alone.
func formatError(header []byte) *dns.Msg {
	r := new(dns.Msg)
	r.Id, r.Response, r.Rcode = binary.BigEndian.Uint16(header), true, dns.RcodeFormatError
	return r
}

// fit truncates an answer to what the client takes over UDP.
func fit(q, r *dns.Msg) *dns.Msg {
	size := dns.MinMsgSize
	if opt := q.IsEdns0(); opt != nil {
		size = max(size, min(int(opt.UDPSize()), maxUDP))
	}
	// A single record always fits; only more are worth measuring.
	if len(r.Answer)+len(r.Extra)+len(r.Ns) > 2 {
		r.Truncate(size)
	}
	return r
}
