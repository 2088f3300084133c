package client

import (
	"strings"
	"testing"
)

// from parses a list that must be valid.
func from(t testing.TB, s string) From {
	t.Helper()
	var f From
	if err := f.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFromUnmarshalText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want, wrong string }{
		{"", "", ""},
		{" 10.0.0.5 , 10.0.0.5,", "10.0.0.5", ""},
		{"172.20.0.0/16", "172.20.0.0/16", ""},
		{"10.0.0.5/32", "10.0.0.5", ""},
		{"0.0.0.0/0,::/0", "0.0.0.0/0,::/0", ""},
		{"fd00::5,fd00::/64", "fd00::5,fd00::/64", ""},
		{"::ffff:10.0.0.5", "10.0.0.5", ""},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8", ""},
		{"Traefik,tasks.web,my_app,a1,host.docker.internal", "traefik,tasks.web,my_app,a1,host.docker.internal", ""},
		{"10.0.0.256", "", `"10.0.0.256" is not an address`},
		{"10.0.0", "", `"10.0.0" is not an address`},
		{"10.0.0.5:80", "", `"10.0.0.5:80" has a port`},
		{"traefik:8080", "", `"traefik:8080" has a port or a scheme; want only the address or the host name`},
		{"010.0.0.5", "", `"010.0.0.5" is not an address`},
		{"fe80::1%eth0", "", `"fe80::1%eth0" is link-local`},
		{"fe80::1", "", `"fe80::1" is link-local`},
		{"fe80::/64", "", `"fe80::/64" is link-local`},
		{"web.,web", "web", ""},
		{"10.0.0.5/16", "", "want 10.0.0.0/16 for all of it, or 10.0.0.5"},
		{"10.0.0.0/33", "", "is not a subnet"},
		{"::ffff:0.0.0.0/64", "", "96 fixed bits"},
		{"web server", "", "want a comma between two: web,server"},
		{"10.0.0.1;10.0.0.2", "", "want a comma between two: 10.0.0.1,10.0.0.2"},
		{"*", "", "neither an address"},
		{"a..b", "", "neither an address"},
		{"tcp://web", "", `"tcp://web" has a port`},
		{"a b", "", "want a comma between two: a,b"},
		{"abcd:12::/32,ab::1", "abcd:12::/32,ab::1", ""},
		{"10.0.0.256,fine,*", "", `"*" is neither`},
	} {
		var f From
		err := f.UnmarshalText([]byte(test.text))
		switch {
		case test.wrong != "":
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%q: error %v, want one with %q", test.text, err, test.wrong)
			}
		case err != nil:
			t.Errorf("%q: %v", test.text, err)
		case f.String() != test.want:
			t.Errorf("%q is read as %q, want %q", test.text, f, test.want)
		}
	}
}
