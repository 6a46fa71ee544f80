"""A search-then-bind sign-in, as most applications do it, with python-ldap.

usage: search_then_bind.py URL READER_DN READER_PASSWORD BASE NAME PASSWORD
exit code: 0 let in, 3 no such person, otherwise the LDAP result code of the bind
"""
import sys

import ldap
import ldap.filter

url, reader, reader_password, base, name, password = sys.argv[1:]


def connect():
    conn = ldap.initialize(url)
    conn.set_option(ldap.OPT_NETWORK_TIMEOUT, 10)
    conn.start_tls_s()
    return conn


finder = connect()
finder.simple_bind_s(reader, reader_password)
query = ldap.filter.filter_format("(&(objectClass=inetOrgPerson)(uid=%s))", [name])
found = finder.search_s(base, ldap.SCOPE_SUBTREE, query, ["mail"])
if len(found) != 1:
    sys.exit(3)
dn, attributes = found[0]
try:
    connect().simple_bind_s(dn, password)
except ldap.LDAPError as err:
    sys.exit(err.args[0]["result"])
print(dn, attributes["mail"][0].decode())
