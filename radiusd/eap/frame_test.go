package eap

import "testing"

func TestFragmentSize(t *testing.T) {
	for _, tt := range []struct{ mtu, want int }{
		{0, 1000}, {20, 100}, {576, 570}, {1285, 1279}, {1286, 1280}, {1400, 1280}, {4096, 1280},
	} {
		if got := fragmentSize(tt.mtu); got != tt.want {
			t.Errorf("behind an MTU of %d: %d octets, want %d", tt.mtu, got, tt.want)
		}
	}
}
