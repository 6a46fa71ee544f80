// Command gatehouse is the command line of Gatehouse, and with `gatehouse serve`
// all four daemons in one process.
//
// Every command but restore works on the store directly, whether the daemons
// run or not. Secrets come from a file, a prompt or standard input, never from
// an argument. What a command was asked for goes to standard output; everything
// else goes to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 3
// refused by a policy or a guard.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(newTool().run(context.Background(), os.Args[1:]))
}
