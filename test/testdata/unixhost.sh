# Makes a Unix host of its own out of this machine and the packages in ROOT, in
# namespaces that end with this process. Then it looks people up there and signs
# them in.
#
#   unshare -m -p --fork --kill-child sh unixhost.sh ROOT SCRATCH sssd|nslcd
#
# SCRATCH holds ca.pem and the configuration of the daemon, sssd.conf or
# nslcd.conf. Each step prints "== NAME", what it says, and "=> exit code".
set -eu
packages=$1 scratch=$2 daemon=$3

. "$(dirname "$0")/host.sh"

case "$daemon" in
sssd)
    source=sss
    mkdir -p "$host/etc/sssd" "$host/var/log/sssd"
    for d in db pipes/private mc pubconf gpo_cache; do mkdir -p "$host/var/lib/sss/$d"; done
    install -m 600 "$scratch/sssd.conf" "$host/etc/sssd/sssd.conf"
    start="/usr/sbin/sssd -i"
    ;;
nslcd)
    source=ldap
    mkdir "$host/run/nslcd"
    install -m 600 "$scratch/nslcd.conf" "$host/etc/nslcd.conf"
    start="/usr/sbin/nslcd -n"
    ;;
esac
printf 'passwd: files %s\ngroup: files %s\nshadow: files %s\nhosts: files\n' $source $source $source >"$host/etc/nsswitch.conf"
[ $source = sss ] && module=pam_sss.so || module=pam_ldap.so
for kind in auth account password session; do echo "$kind required $module"; done >"$host/etc/pam.d/gatehouse"

exec chroot "$host" sh -c '
$1 &
i=0
until getent passwd alice >/dev/null; do
    i=$((i + 1))
    [ $i -lt 600 ] || exit 1
    sleep 0.1
done
step() {
    echo "== $1"
    shift
    "$@" 2>&1 && echo "=> 0" || echo "=> $?"
}
login() { printf "%s\n" "$2" | pamtester gatehouse "$1" authenticate acct_mgmt; }
step alice getent passwd alice
step carol getent passwd carol
step groups id -Gn alice
step primary id -gn alice
step private getent group alice
step engineers getent group engineers
step sudo getent group sudo
step docker getent group docker
step root getent passwd root
step login login alice "correct horse battery"
step wrong login alice "wrong horse battery"
# root would reset the password without knowing the old one.
change() { printf "%s\n" "$2" "$3" "$3" | setpriv --reuid "$(id -u "$1")" --regid "$(id -g "$1")" --clear-groups pamtester gatehouse "$1" chauthtok; }
step change change alice "correct horse battery" "fresh horse battery $2"
step changed login alice "fresh horse battery $2"
step old login alice "correct horse battery"
step disabled login carol "correct horse battery"
[ "$2" != sssd ] || step keys /usr/bin/sss_ssh_authorizedkeys alice
[ "$2" != sssd ] || step nokeys /usr/bin/sss_ssh_authorizedkeys carol
' sh "$start" "$daemon"
