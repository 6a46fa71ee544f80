# Makes a file server of its own out of this machine and the packages in ROOT, in
# namespaces that end with this process: smbd, with its accounts in LDAP, and nslcd
# beside it.
#
#   unshare -m -p --fork --kill-child sh sambahost.sh ROOT SCRATCH PORT
#
# SCRATCH holds ca.pem, nslcd.conf, smb.conf and ldap.password. Each line of
# standard input, "STEP PASSWORD", has alice list the share: printed are
# "== STEP", what smbclient says, and "=> exit code".
set -eu
packages=$1 scratch=$2 port=$3

. "$(dirname "$0")/host.sh"

mkdir -p "$host/run/nslcd" "$host/run/samba" "$host/etc/samba" "$host/etc/ldap" "$host/srv/share" \
    "$host/var/lib/samba/private" "$host/var/cache/samba" "$host/var/log/samba"
install -m 600 "$scratch/nslcd.conf" "$host/etc/nslcd.conf"
install -m 600 "$scratch/ldap.password" "$host/run/ldap.password"
cp "$scratch/smb.conf" "$host/etc/samba/smb.conf"
echo "TLS_CACERT /etc/gatehouse-ca.pem" >"$host/etc/ldap/ldap.conf"
printf 'passwd: files ldap\ngroup: files ldap\nshadow: files\nhosts: files\n' >"$host/etc/nsswitch.conf"
echo hello >"$host/srv/share/hello.txt"

exec chroot "$host" sh -c '
until_true() {
    i=0
    until "$@"; do
        i=$((i + 1))
        [ $i -lt 600 ] || exit 1
        sleep 0.1
    done
}
found() { getent passwd alice >/dev/null; }
answers() { ! smbclient -N -L 127.0.0.1 -p "$port" 2>&1 | grep -q CONNECTION_REFUSED; }
port=$1
nslcd -n &
until_true found
smbpasswd -W </run/ldap.password
smbd --foreground --no-process-group &
until_true answers
echo "== ready"
echo "=> 0"
while read -r step password; do
    echo "== $step"
    smbclient //127.0.0.1/share -p "$port" -U "alice%$password" -c ls 2>&1 && echo "=> 0" || echo "=> $?"
done
' sh "$port"
