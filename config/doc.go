// Package config reads gatehouse.yaml, the one file that says how the daemons
// of a machine run: addresses, files, database. What they serve (people,
// groups, apps) is in the directory, never here.
//
// Guarantees: every key has a default that works, so an empty file and no file
// are valid; an absent key is the default and [] is off; an unknown key, a
// duplicate key, a value of the wrong type or a value that cannot work is an
// error that names file, line and column; all problems are reported at once.
// A file that holds a password is refused when others can read it.
//
// The field comments of [Config] are the operator's documentation: Describe
// and the package's annotated file print them.
package config
