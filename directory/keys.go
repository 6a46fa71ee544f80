package directory

import (
	"fmt"

	"gatehouse/directory/seal"
)

// Keys are the key rings that this process holds, by purpose. What is sealed
// for a purpose that is not among them stays closed to it.
type Keys map[seal.Purpose]*seal.Ring

// Ring returns the ring of a purpose; an error when this process has none.
func (k Keys) Ring(p seal.Purpose) (*seal.Ring, error) {
	if r := k[p]; r != nil {
		return r, nil
	}
	return nil, &Error{Kind: Internal, Msg: fmt.Sprintf("this process does not hold the %q keys", string(p))}
}

// MAC returns the key of a purpose for one use, told apart by label, such as
// paging cookies: the same on every host that shares the keys.
func (k Keys) MAC(p seal.Purpose, label string) (*seal.MACKey, error) {
	r, err := k.Ring(p)
	if err != nil {
		return nil, err
	}
	return r.MACKey(label)
}

func (k Keys) seal(p seal.Purpose, place seal.Place, plain []byte) ([]byte, error) {
	r, err := k.Ring(p)
	if err != nil {
		return nil, err
	}
	return r.Seal(place, plain)
}

func (k Keys) open(p seal.Purpose, place seal.Place, sealed []byte) ([]byte, error) {
	r, err := k.Ring(p)
	if err != nil {
		return nil, err
	}
	return r.Open(place, sealed)
}
