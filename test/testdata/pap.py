"""Signs alice in by PAP with pyrad, at 127.0.0.1: pap.py PASSWORD

Prints the code of the answer, whose authenticator pyrad has checked, and the
name in it.
"""
import io
import os
import sys

import pyrad.client
import pyrad.dictionary
import pyrad.packet

here = os.path.dirname(os.path.abspath(__file__))
words = io.StringIO("""
ATTRIBUTE User-Name 1 string
ATTRIBUTE User-Password 2 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE Class 25 octets
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE Message-Authenticator 80 octets
""")
with open(os.path.join(here, "secret"), "rb") as f:
    secret = f.read().strip()
client = pyrad.client.Client(server="127.0.0.1", secret=secret, dict=pyrad.dictionary.Dictionary(words))
request = client.CreateAuthPacket(code=pyrad.packet.AccessRequest, User_Name="alice")
request["NAS-IP-Address"] = "127.0.0.1"
request["User-Password"] = request.PwCrypt(sys.argv[1])
reply = client.SendPacket(request)
names = {pyrad.packet.AccessAccept: "Access-Accept", pyrad.packet.AccessReject: "Access-Reject"}
print(names.get(reply.code, reply.code), *(reply["User-Name"] if "User-Name" in reply else []))
