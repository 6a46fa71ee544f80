package projection

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSortPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 5000} {
		pairs := make([]uint64, n)
		for i := range pairs {
			// Few upper halves, so that there are equals, from all 32 bits.
			pairs[i] = r.Uint64N(300)*(1<<64/300)&^0xffffffff | uint64(i)
		}
		want := slices.Clone(pairs)
		slices.SortStableFunc(want, func(a, b uint64) int { return cmp.Compare(a>>32, b>>32) })
		sortPairs(pairs, make([]uint64, n))
		if !slices.Equal(pairs, want) {
			t.Errorf("%d pairs are not sorted", n)
		}
	}
}

func BenchmarkSortPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	unsorted := make([]uint64, bulkPairs)
	for i := range unsorted {
		unsorted[i] = r.Uint64()
	}
	pairs, room := make([]uint64, bulkPairs), make([]uint64, bulkPairs)
	for b.Loop() {
		copy(pairs, unsorted)
		sortPairs(pairs, room)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*bulkPairs), "ns/pair")
}
