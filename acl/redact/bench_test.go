package redact

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkList is the list of 200 containers, 1.7 KB each, with Traefik's labels.
func BenchmarkList(b *testing.B) {
	var items []string
	for i := range 200 {
		var labels []string
		for l := range 12 {
			labels = append(labels, fmt.Sprintf(`"traefik.http.routers.service-%d-%d.rule":"Host(\"service-%d.example.com\") && PathPrefix(\"/%d\")"`, i, l, i, l))
		}
		items = append(items, fmt.Sprintf(`{"Id":"%064d","Names":["/service-%d"],"Image":"nginx","Command":"nginx -g 'daemon off;'","Created":1700000000,"Ports":[{"PrivatePort":80,"Type":"tcp"}],"Labels":{%s},"State":"running"}`, i, i, strings.Join(labels, ",")))
	}
	list := []byte("[" + strings.Join(items, ",") + "]\n")
	buf := make([]byte, 0, 2*len(list))
	b.SetBytes(int64(len(list)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Redaction{Kinds: Env | Args}).Response("ContainerList").Append(buf, list); err != nil {
			b.Fatal(err)
		}
	}
}
