#!/bin/sh
# One switch port in a network of its own: radiusd, hostapd as the switch and
# wpa_supplicant as the device behind the other end of the cable.
#
#   port.sh FOLDER RADIUSD CONFIG
#
# FOLDER holds hostapd.conf and device.conf. Each line of standard input is a signal
# for hostapd; at its end everything ends.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
dir=$1 radiusd=$2 config=$3

ip link set lo up
ip link add port0 type veth peer name cable0
ip link set port0 up
ip link set cable0 up

"$radiusd" --config "$config" &
hostapd -dd "$dir/hostapd.conf" >"$dir/hostapd.log" 2>&1 &
hostapd=$!
wpa_supplicant -D wired -i cable0 -c "$dir/device.conf" >"$dir/device.log" 2>&1 &
while read -r signal; do
    kill "-$signal" "$hostapd"
done
