package scimd

import (
	"fmt"
	"sync/atomic"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

// The targets of these benchmarks, on two shared cores: create ≥ 1,000/s, filter
// by userName at 100,000 users ≥ 3,000/s, add a member to a group of 10,000
// ≥ 1,000/s and as fast at 100,000. So many requests per core are under way.
const benchConnections = 4

// seed creates n users called prefix0, prefix1 … without HTTP and returns their
// ids and row ids.
func seed(b *testing.B, f *fixture, prefix string, n int) (uids []string, ids []directory.UserID) {
	b.Helper()
	actor := directorytest.Operator()
	for len(uids) < n {
		_, err := f.dir.Write(b.Context(), actor, func(w *directory.Writer) error {
			for i, end := len(uids), min(len(uids)+500, n); i < end; i++ {
				name := fmt.Sprintf("%s%d", prefix, i)
				u, err := w.CreateUser(directory.User{
					Username: name,
					Profile:  directory.Attributes{"givenName": {"Jane"}, "familyName": {"Doe"}},
					Emails:   []directory.Email{{Address: name + "@example.com", Primary: true}},
				})
				if err != nil {
					return err
				}
				ids, uids = append(ids, u.ID), append(uids, u.UID)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return uids, ids
}

// inParallel measures request, called with a number of its own each time.
func inParallel(b *testing.B, request func(int64)) {
	b.Helper()
	var n atomic.Int64
	b.SetParallelism(benchConnections)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			request(n.Add(1))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

func BenchmarkCreate(b *testing.B) {
	f := newFixture(b)
	inParallel(b, func(i int64) {
		f.want(b, 201, "POST", users, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"user%d","externalId":"E%d","name":{"givenName":"John","familyName":"Doe"},"emails":[{"value":"user%d@example.com","primary":true}],"active":true}`, i, i, i))
	})
}

func BenchmarkReadAt100k(b *testing.B) {
	f := newFixture(b)
	const n = 100_000
	uids, _ := seed(b, f, "user", n)
	b.Run("filter", func(b *testing.B) {
		inParallel(b, func(i int64) {
			f.want(b, 200, "GET", fmt.Sprintf("%s?filter=userName+eq+%%22user%d%%22", users, i*7919%n), "")
		})
	})
	b.Run("get", func(b *testing.B) {
		inParallel(b, func(i int64) { f.want(b, 200, "GET", users+"/"+uids[i*7919%n], "") })
	})
	b.Run("list100", func(b *testing.B) {
		inParallel(b, func(i int64) {
			f.want(b, 200, "GET", fmt.Sprintf("%s?startIndex=%d&count=100&excludedAttributes=groups", users, 1+i*7919%(n-100)), "")
		})
	})
	b.Run("scan", func(b *testing.B) {
		inParallel(b, func(int64) { f.want(b, 200, "GET", users+"?filter=title+eq+%22none%22", "") })
	})
}

func BenchmarkMembers(b *testing.B) {
	for _, size := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			f := newFixture(b)
			id := f.group(b, "staff")
			_, ids := seed(b, f, "member", size)
			f.operate(b, func(w *directory.Writer) error {
				g, err := w.GroupByUID(id)
				if err != nil {
					return err
				}
				for ; len(ids) > 0; ids = ids[min(500, len(ids)):] {
					if err := w.AddMembers(g.ID, memberRows(ids[:min(500, len(ids))])...); err != nil {
						return err
					}
				}
				return nil
			})
			fresh, _ := seed(b, f, "fresh", 20_000)
			patch := func(i int64, op string) {
				f.want(b, 204, "PATCH", groups+"/"+id, patchBody(fmt.Sprintf(op, fresh[i%int64(len(fresh))])))
			}
			b.Run("add", func(b *testing.B) {
				inParallel(b, func(i int64) { patch(i, `[{"op":"add","path":"members","value":[{"value":"%s"}]}]`) })
			})
			b.Run("remove", func(b *testing.B) {
				inParallel(b, func(i int64) { patch(i, `[{"op":"remove","path":"members[value eq \"%s\"]"}]`) })
			})
		})
	}
}
