package test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counter is a metric of one daemon: the sum of its series, or of those that
// carry one of the given label values.
type counter struct {
	url, name string
	values    []string
	client    *http.Client
	start     float64
}

// counter notes where a metric stands.
func (w *world) counter(t *testing.T, daemon, name string, labelValues ...string) counter {
	t.Helper()
	c := counter{url: "http://" + w.Metrics[daemon] + "/metrics", name: name, values: labelValues, client: w.http(t)}
	var err error
	if c.start, err = c.read(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c counter) read() (float64, error) {
	a, err := read(c.client.Get(c.url))
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for line := range strings.Lines(a.body) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name, _, _ := strings.Cut(series, "{"); name != c.name {
			continue
		}
		found = true
		if !c.counts(series) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", line, err)
		}
		sum += n
	}
	if !found && c.start > 0 {
		return 0, fmt.Errorf("no metric %s at %s", c.name, c.url)
	}
	return sum, nil
}

func (c counter) counts(series string) bool {
	for _, value := range c.values {
		if strings.Contains(series, `="`+value+`"`) {
			return true
		}
	}
	return len(c.values) == 0
}

// wantGrowth waits until the metric has grown by at least n.
func (c counter) wantGrowth(t *testing.T, n int) {
	t.Helper()
	poll(t, 5*time.Second, func() error {
		now, err := c.read()
		if err == nil && now-c.start < float64(n) {
			return fmt.Errorf("%s%v has grown by %v, want at least %d", c.name, c.values, now-c.start, n)
		}
		return err
	})
}
