package credential

import (
	"strings"
	"testing"
)

// TestCryptLengths: passwords of n times "x", hashed by libxcrypt, around the
// block sizes of the digests.
func TestCryptLengths(t *testing.T) {
	tests := []struct {
		n    int
		hash string
	}{
		{0, `$1$abcdefgh$M55TzYaaccxVGbptZWaxX/`},
		{0, `$5$rounds=1000$abcdefgh$GkBTClnHKE8dKvOznb7VazxXnS.36rgDH/r3khMCLaB`},
		{0, `$6$rounds=1000$abcdefghijklmnop$2TfftjhyCiMH.0sLgmMsrryamIW6m3frcvTBwDlNhd4xeRO6DvjPw/yf/gt/3G8bxpzQoD.1EZuIKjBRmFF3J/`},
		{0, `$y$j75$abcdefgh$dnXG1KuMBmwYrnuKh9nriQRakI62k6mwFrGgxhxYD/2`},
		{1, `$1$abcdefgh$znAnv9M.XU2pRYfmSs46h/`},
		{1, `$5$rounds=1000$abcdefgh$u9otfMRaLa8naphuhy/dT1CAmGtji1ACymPmfnH5lv7`},
		{1, `$6$rounds=1000$abcdefghijklmnop$hD1heSWZS9YmTqT1BIgdPXBl9FqN4tVPjqCi7dmUEEq8mUPq9yCbQThBngC4k/39CiR.gkvH.hYQBCYC74UqU/`},
		{1, `$y$j75$abcdefgh$wPWF6ZngZZxi0TBX8BqPcYXMIarFww.baLy6hMEGMb9`},
		{16, `$1$abcdefgh$rLNv7fBM/CccD3X.WJtxl0`},
		{16, `$5$rounds=1000$abcdefgh$ujFY9sUxLK9BmRkWVpcxZ9gLzFslbDw7zLnYqiCNo39`},
		{16, `$6$rounds=1000$abcdefghijklmnop$8pyhb1IFieA0MgP4Qd6BH/HTON7isXwCKksK9tUE8PiJpOu.pPBbHaFJl0nLde9sOiyCjwGZ4fWXExNdj8k3d.`},
		{16, `$y$j75$abcdefgh$yMu6ftcvHTto8Pf4TMfuBEzV2TyR4lkCELmaxqs5nI7`},
		{17, `$1$abcdefgh$.9JMu59E71m0Oy.MJm9H71`},
		{17, `$5$rounds=1000$abcdefgh$Y84Hm5Ri2GFguj5jfIVrSzTKACPTp8aHSzycQsvWATC`},
		{17, `$6$rounds=1000$abcdefghijklmnop$IWQA/Eob660f9l0dGKzopWyilm3JJdgGfBvygxaLBGxsM5pD9OMkD09qZUhGjJ/9tHK9UD27BTI1mnkMuznQF1`},
		{17, `$y$j75$abcdefgh$fuUCA6snaSYD78A54AjaVaSRCJxHgmAGUbZewilbjL7`},
		{32, `$1$abcdefgh$NLpCLgA.RQyxEsUGx9Cgn0`},
		{32, `$5$rounds=1000$abcdefgh$X3DK0rnvjGs5BcxTxrPXJBZIV41ur8wbOEA069fskk9`},
		{32, `$6$rounds=1000$abcdefghijklmnop$ujT2Qi6EIMp5.YQPQrwa3bOVty368K3e/esa3Dqw1JVVdqLnWPEeKVJB07/7CkrcKHwRiONyvugUWVs8FjkF2/`},
		{32, `$y$j75$abcdefgh$Ocm6/HwX.4wKW5TqcsU1MPXC.h5xTE6lMXdBhnAQXvB`},
		{63, `$1$abcdefgh$SKfHFyj6grknZwUIbHz96.`},
		{63, `$5$rounds=1000$abcdefgh$AA4fFCx1TcIjSYvRKeqe/kh7eppB4pgQm88AjgWKrjA`},
		{63, `$6$rounds=1000$abcdefghijklmnop$1gbqNqu4RsGVTyvMXokKewXYgebg5gEVkb7pTGOtc8S1i13fUrZ8HKN4W2.cB8sesLi/m3fXvcWc032MW8UTj1`},
		{63, `$y$j75$abcdefgh$spSoyoUPu9lQ7AZZByAbtjstGzS7wsgZJh6NBfotl57`},
		{64, `$1$abcdefgh$O0X86kK5uBMSkmJGvfUOj.`},
		{64, `$5$rounds=1000$abcdefgh$Igy3NplchlC7tIi2W8MGJicXQ9vv8SgixxV76vFfeF7`},
		{64, `$6$rounds=1000$abcdefghijklmnop$VlZRxpW2yhe0vILjHObZNJZhSD6wKEmAcAhagTnrv1VuB5NA0fwFCvFG58dmWP.9tNVciJwcJ2WUMbtLDVVLx1`},
		{64, `$y$j75$abcdefgh$hz29XScIy6PoM9DjWKBRSA82x.Xvqjdz6Nr6bfcJfQ9`},
		{65, `$1$abcdefgh$h.SveFbOpBbcegt0tb/f./`},
		{65, `$5$rounds=1000$abcdefgh$ozvrzqt6m5iaqIpm4MLLcmdR2hVIGjpnLmtb10rQPh9`},
		{65, `$6$rounds=1000$abcdefghijklmnop$20g1gV5rZB0lA/2jnujkzhkFZ0JqMJxJUfo6vi3s/OHEAua8UYoFXCp2xJbR9Q9n2MmghEYhmEpaByAKXHZyu.`},
		{65, `$y$j75$abcdefgh$RqlbLzdgCUCv6dJdqJm6zOuonmZTg3e737LQaRZ4hd1`},
		{128, `$1$abcdefgh$Viz8Df7O0F7EBe0RbtkBm/`},
		{128, `$5$rounds=1000$abcdefgh$Gdxer8BtS9BFEUny6LbnyCVrmZVmRZ4gvNvGjqI6pH9`},
		{128, `$6$rounds=1000$abcdefghijklmnop$ZN/H9KGrg7muGPsgrpsNRhTQkdcwZa2IhXY2gU.R/N2oCB6/N90SzHa2PlxNNN1QgFZiBSFX1LHCcZQC86WPc0`},
		{128, `$y$j75$abcdefgh$QOkNmLWtFUoMQriUMtoX9tyihIqUPqXwCrs3Yv3i7X6`},
		{200, `$1$abcdefgh$z6x8uc2YR4Iwn7XrK8ZMY/`},
		{200, `$5$rounds=1000$abcdefgh$NrzbY0y0LDcgawVt4bxWBIMAAYqgONWLAez46CRgbQA`},
		{200, `$6$rounds=1000$abcdefghijklmnop$d.Awrj0vh.NO.F1ECEyB3xIneEn7.NMTE5zR2jnP/.RunlJdTzQ1RKA1kogMHyn35h0resusacQZyU/N/1xFu0`},
		{200, `$y$j75$abcdefgh$yptucpOfIBBv0dgStxRpZwE.sICkiYkX5/0ENaovOO6`},
	}
	for _, tt := range tests {
		if ok, err := Verify(tt.hash, strings.Repeat("x", tt.n)); !ok || err != nil {
			t.Errorf("%d × x: %s: %t, %v", tt.n, tt.hash, ok, err)
		}
		if ok, _ := Verify(tt.hash, strings.Repeat("x", tt.n+1)); ok {
			t.Errorf("%d × x matches a hash of %d", tt.n+1, tt.n)
		}
	}
}

// TestCryptOpenSSL: hashes made by openssl passwd; the first two are also printed
// in Drepper's specification of SHA-crypt.
func TestCryptOpenSSL(t *testing.T) {
	tests := []struct{ password, hash string }{
		{"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"secret", "$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1"},
		{"secret", "$1$abc$iCQ2D3nhptRYi27fDYv2s1"},
	}
	for _, tt := range tests {
		if ok, err := Verify(tt.hash, tt.password); !ok || err != nil {
			t.Errorf("%s: %t, %v", tt.hash, ok, err)
		}
	}
}
