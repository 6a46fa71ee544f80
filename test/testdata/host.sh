# Sourced by the scripts that need a Unix host of their own: makes one out of this
# machine, with the files of $packages and of a scratch file system over them, at
# $host. The namespaces of the caller end it.
layers=$scratch/layers host=$scratch/host
mkdir -p "$layers" "$host"
mount -t tmpfs tmpfs "$layers"
mkdir "$layers/upper" "$layers/work"
cp -a "$packages" "$layers/packages"
mount -t overlay overlay -o "lowerdir=$layers/packages:/,upperdir=$layers/upper,workdir=$layers/work" "$host"
mount -t proc proc "$host/proc"
mount --rbind /dev "$host/dev"
mount -t tmpfs tmpfs "$host/run"
mount -t tmpfs tmpfs "$host/tmp"

cp "$scratch/ca.pem" "$host/etc/gatehouse-ca.pem"
