# Provisions as scripts with python-ldap do, with the controls that it knows, and
# prints what python-ldap makes of the answers.
import ldap, ldap.modlist, sys
from ldap.controls.readentry import PreReadControl, PostReadControl
from ldap.controls.simple import RequestControl
from ldap.controls.libldap import AssertionControl
from ldap.controls.sss import SSSRequestControl
from ldap.controls.vlv import VLVRequestControl
uri, ca, dn, password, users, groups = sys.argv[1:7]
def connect(name, secret):
    c = ldap.initialize(uri)
    c.set_option(ldap.OPT_X_TLS_CACERTFILE, ca)
    c.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    c.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    c.start_tls_s()
    c.simple_bind_s(name, secret)
    return c
c = connect(dn, password)
dora, deb, staff = "uid=dora," + users, "uid=deb," + users, "cn=staff," + groups
c.add_s(dora, ldap.modlist.addModlist({"objectClass": [b"inetOrgPerson"], "cn": [b"Dora"], "sn": [b"Jones"], "title": [b"Clerk"]}))
def modify(title, *controls):
    msgid = c.modify_ext(dora, [(ldap.MOD_REPLACE, "title", [title])], serverctrls=list(controls))
    return c.result3(msgid)[3]
print([k.entry["title"] for k in modify(b"Chief", AssertionControl(True, "(title=clerk)"), PreReadControl(True, ["title"]), PostReadControl(True, ["title"]))])
try:
    modify(b"Lost", AssertionControl(True, "(title=clerk)"))
except ldap.ASSERTION_FAILED:
    print("assertion failed")
try:
    c.compare_ext_s(dora, "title", b"chief", serverctrls=[AssertionControl(True, "(title=clerk)")])
except ldap.ASSERTION_FAILED:
    print("nor compared")
c.modify_s(staff, [(ldap.MOD_ADD, "member", [dora.encode()])])
view = [SSSRequestControl(True, ["-uid"]), VLVRequestControl(True, before_count=1, after_count=0, offset=2, content_count=0)]
_, entries, _, controls = c.result3(c.search_ext(users, ldap.SCOPE_ONELEVEL, attrlist=["uid"], serverctrls=view))
print([e[1]["uid"][0] for e in entries], [k.targetPosition for k in controls if hasattr(k, "targetPosition")])
c.rename_s(dora, "uid=deb", delold=1)
print(c.compare_s(staff, "member", deb.encode()))
c.passwd_s(deb, None, "deb's horse battery")
d = connect(deb, "deb's horse battery")
d.passwd_s(None, "deb's horse battery", "deb's other battery")
print(connect(deb, "deb's other battery").whoami_s() == "dn:" + deb)
try:
    d.modify_s(deb, [(ldap.MOD_REPLACE, "title", [b"Boss"])])
except ldap.INSUFFICIENT_ACCESS:
    print("not by herself")
c.delete_s(deb)
try:
    c.delete_s(deb)
except ldap.NO_SUCH_OBJECT:
    print("gone")
