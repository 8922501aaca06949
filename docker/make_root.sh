#!/bin/sh
# make_root.sh PROGRAMS FOLDER: the files of the image: the programs, stripped, with the shared libraries that they need.
# The folders of the volumes stand apart, since they have another owner.
set -eu
programs=$1 root=$2/files
mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/usr/lib/ssl" "$2/volumes/data" "$2/volumes/backups"
for program in holdfast-server holdfast; do
  strip -o "$root/usr/bin/$program" "$programs/$program"
  # Those that are found, and the loader, each where the programs look for it.
  ldd "$programs/$program" | awk '$3 ~ "^/" {print $3} $1 ~ "^/" {print $1}' | sort -u | while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
  done
done
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# Where OpenSSL looks for authorities.
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
echo 'holdfast:x:65532:65532:Holdfast:/data:/sbin/nologin' >"$root/etc/passwd"
echo 'holdfast:x:65532:' >"$root/etc/group"
