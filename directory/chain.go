package directory

import (
	"encoding/binary"
	"strings"

	"gatehouse/directory/seal"
)

// chainLinker links the audit events of one process by a MAC under the audit
// key: who has only the database cannot edit, drop or insert an event unseen.
type chainLinker struct {
	chain string
	key   *seal.MACKey
}

// NewLinker returns the linker of the chain "<daemon>@<instance>". keys must
// hold the audit ring.
func NewLinker(keys Keys, daemon, instance string) (Linker, error) {
	key, err := keys.MAC(seal.Audit, "chain")
	if err != nil {
		return nil, err
	}
	return chainLinker{chain: daemon + "@" + strings.ToLower(instance), key: key}, nil
}

// Chain names the chain.
func (l chainLinker) Chain() string { return l.chain }

// Link computes the MAC over every field of e but ID and Link.
func (l chainLinker) Link(e *Event) []byte {
	var numbers [32]byte
	binary.BigEndian.PutUint64(numbers[0:], uint64(e.At.UnixMicro()))
	binary.BigEndian.PutUint64(numbers[8:], uint64(e.Ref))
	binary.BigEndian.PutUint64(numbers[16:], uint64(e.Count))
	binary.BigEndian.PutUint64(numbers[24:], uint64(e.N))
	return l.key.Sum([]byte(e.Chain), e.Previous, numbers[:], []byte(e.Actor), []byte(e.Via), []byte(e.IP), []byte(e.Verb),
		[]byte(e.Entity), []byte(e.Name), []byte(e.Outcome), []byte(e.Reason), []byte(e.App), e.Detail)
}
