# Makes a host of its own out of this machine and the packages in ROOT, in
# namespaces that end with this process, on which what asks by RADIUS asks the
# radiusd beside it: pam_radius_auth, pyrad, OpenVPN and strongSwan.
#
#   unshare -m -n -p --fork --kill-child sh gatewayhost.sh ROOT SCRATCH SHARED BINARIES CONFIG
#
# SHARED is what BINARIES and CONFIG are in. SCRATCH holds the passwords and the
# configurations, in the folders pam, openvpn and strongswan. Each step prints
# "== NAME", what it says, and "=> exit code".
set -eu
packages=$1 scratch=$2 shared=$3 binaries=$4 config=$5

. "$(dirname "$0")/host.sh"

mkdir -p "$host$shared" "$host/etc/openvpn/ccd" "$host/run/sw"
mount --rbind "$shared" "$host$shared"
cp "$scratch/pam/pam_radius_auth.conf" "$host/etc/"
cp "$scratch/pam/service" "$host/etc/pam.d/gatehouse"
cp "$scratch"/openvpn/* "$host/etc/openvpn/"
cp -r "$scratch"/strongswan/* "$host/run/sw/"
ip link set lo up

exec chroot "$host" sh -c '
scratch=$1 binaries=$2 config=$3
until_true() {
    i=0
    until "$@" >/dev/null 2>&1; do
        i=$((i + 1))
        [ $i -lt 300 ] || return 1
        sleep 0.1
    done
}
step() {
    echo "== $1"
    shift
    "$@" 2>&1 && echo "=> 0" || echo "=> $?"
}
password=$(cat "$scratch/password") network=$(cat "$scratch/network")
"$binaries/radiusd" --config "$config" >/run/radiusd.log 2>&1 &
until_true grep -q "msg=ready" /run/radiusd.log

login() { printf "%s\n" "$1" | pamtester gatehouse alice authenticate acct_mgmt; }
step pam login "$password"
step pamwrong login "x$password"
step pyrad /usr/bin/python3 "$scratch/pap.py" "$password"
step pyradwrong /usr/bin/python3 "$scratch/pap.py" "x$password"

cd /etc/openvpn
openvpn --config server.conf >/run/openvpn.log 2>&1 &
until_true grep -q "Initialization Sequence Completed" /run/openvpn.log
tunnel() {
    printf "alice\n%s\n" "$1" >login
    rm -f /run/client.log
    openvpn --config client.conf >/run/client.log 2>&1 &
    client=$!
    until_true grep -qE "Initialization Sequence Completed|AUTH_FAILED" /run/client.log
    grep -oE "Initialization Sequence Completed|AUTH_FAILED" /run/client.log
    kill $client 2>/dev/null || :
    wait $client || :
}
step openvpn tunnel "$password"
step openvpnwrong tunnel "x$password"

# The other end of the tunnel has a network of its own.
cd /run/sw
unshare --net sleep 600 &
other=$!
own_network() { [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
until_true own_network
ip link add veth0 type veth peer name veth1
ip link set veth1 netns $other
ip addr add 10.77.0.1/24 dev veth0
ip link set veth0 up
nsenter -t $other -n sh -c "ip link set lo up; ip addr add 10.77.0.2/24 dev veth1; ip link set veth1 up"
STRONGSWAN_CONF=/run/sw/server/strongswan.conf charon-systemd >/run/server.log 2>&1 &
STRONGSWAN_CONF=/run/sw/client/strongswan.conf nsenter -t $other -n charon-systemd >/run/client.log 2>&1 &
# What swanctl says of plugins that are not installed is no news.
server() { command=$1; shift; swanctl "$command" --uri unix:///run/sw/server.vici "$@" 2>/dev/null; }
client() { command=$1; shift; swanctl "$command" --uri unix:///run/sw/client.vici "$@" 2>/dev/null; }
until_true server --load-all --file server/swanctl.conf
ike() {
    sed "s/PASSWORD/$1/" client/swanctl.conf >client/now.conf
    until_true client --load-all --clear --file /run/sw/client/now.conf
    client --initiate --ike vpn --timeout 20
}
device() { client --initiate --ike device --timeout 20; }
step ikewrong ike "x$network"
step device device
client --terminate --ike device >/dev/null
step revoke "$binaries/gatehouse" device-cert revoke alice "$(cat "$scratch/serial")" --config "$config"
step revoked device
step ike ike "$network"
established() { server --list-sas | grep "ESTABLISHED"; }
step established established
live() { "$binaries/gatehouse" radius-session list --config "$config" | grep alice; }
until_true live
step session live
step lockdown "$binaries/gatehouse" user lockdown alice --reason test --config "$config"
ended() { ! established; }
until_true ended
step ended established
step locked ike "$network"
step log cat /run/radiusd.log
' sh "$scratch" "$binaries" "$config"
