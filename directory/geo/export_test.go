package geo

import "net/netip"

// Sound returns how a database answers, or why it is not loaded.
func Sound(data []byte) (find func(netip.Addr) error, err error) {
	db, err := sound(data)
	if err != nil {
		return nil, err
	}
	return func(ip netip.Addr) error { _, err := db.find(ip); return err }, nil
}

// Refresh is one tick of Follow.
func (d *Databases) Refresh() { d.refresh() }
