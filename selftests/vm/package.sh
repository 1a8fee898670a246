#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The Debian packages and dkms.conf, as their users meet them: built, looked at
# by lintian, installed in a small Debian that never saw the project, where DKMS
# builds the module for that Debian's kernel, and taken out again.  KTAP.  The
# module is not loaded: the tests in a VM are for that.
#
# It takes root, since programs that are not on this machine are run in another
# root directory.
set -u
. "$(dirname "$0")/common.sh"

work=$HVNET_TOP/build/package
root=$work/debian
log=$work/log
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$HVNET_TOP/debian/changelog")
# The project has no address for mail yet.
no_address=bogus-mail-host,bogus-mail-host-in-debian-changelog
number=0 failed=0

# The project's files, and no others, to a new directory $1.
copy_sources()
{
	rm -rf "$1"
	mkdir -p "$1"
	if git -C "$HVNET_TOP" rev-parse >/dev/null 2>&1; then
		git -C "$HVNET_TOP" ls-files -z --cached --others \
			--exclude-standard
	else
		(cd "$HVNET_TOP" && find . -path ./build -prune -o -type f -print0)
	fi | tar -c -C "$HVNET_TOP" --null -T - | tar -x -C "$1"
}

# build_packages DIR: the packages are beside the sources, in DIR
build_packages()
{
	copy_sources "$1/hvisor-vnet"
	(cd "$1/hvisor-vnet" && dpkg-buildpackage -us -uc)
}

same_packages()
{
	local deb

	build_packages "$work/another/place" || return 1
	for deb in "$work"/built/*.deb; do
		cmp "$deb" "$work/another/place/${deb##*/}" || return 1
	done
}

looked_at()
{
	lintian --allow-root --suppress-tags "$no_address" \
		--fail-on error,warning "$work"/built/*.changes
}

# Mounts are in a namespace of their own, and so go away by themselves.
# shellcheck disable=SC2016
in_debian()
{
	unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' \
		"$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}

unpack_debian()
{
	rm -rf "$root"
	mkdir -p "$root"
	tar -x -f "$("$HVNET_VM/kernel.sh" debian)" -C "$root" \
		--exclude='./dev/*' || return 1
	ln -sfn /proc/self/fd "$root/dev/fd"
	mknod -m 666 "$root/dev/null" c 1 3
}

# The kernel that the small Debian has headers of.
kernel_there()
{
	local dir

	for dir in "$root"/lib/modules/*; do
		echo "${dir##*/}"
	done
}

module_there()
{
	find "$root/lib/modules/$(kernel_there)" -name 'hvisor_vnet.ko*'
}

# As it is installed, for that kernel, and found by modprobe.
module_works()
{
	in_debian dkms status | grep -qx "hvisor-vnet/$version, .*: installed" &&
		in_debian modinfo -k "$(kernel_there)" hvisor_vnet &&
		in_debian modprobe -n -S "$(kernel_there)" hvisor_vnet
}

install_packages()
{
	cp "$work"/built/hv*.deb "$root/tmp/" &&
		rm -f "$root"/tmp/*-dbgsym_* &&
		in_debian sh -c 'dpkg -i /tmp/*.deb'
}

command_works()
{
	in_debian hvnet --help | grep -q "hvnet doctor"
}

remove_packages()
{
	in_debian dpkg --purge hvnet hvisor-vnet-dkms
}

nothing_left()
{
	[ -z "$(module_there)" ] && [ -z "$(in_debian dkms status)" ] &&
		! find "$root"/usr "$root"/var/lib/dkms "$root"/etc \
			-name '*hvnet*' -o -name '*hvisor?vnet*' | grep .
}

dkms_by_hand()
{
	copy_sources "$root/tmp/clone"
	in_debian dkms add /tmp/clone &&
		in_debian dkms build "hvisor-vnet/$version" -k "$(kernel_there)" &&
		in_debian dkms install "hvisor-vnet/$version" \
			-k "$(kernel_there)"
}

dkms_removed()
{
	in_debian dkms remove "hvisor-vnet/$version" --all &&
		rm -r "$root/usr/src/hvisor-vnet-$version" && nothing_left
}

echo "KTAP version 1"
if [ "$(id -u)" -ne 0 ]; then
	echo "1..0 # SKIP only root can run programs in another root directory"
	exit 4
fi
mkdir -p "$work"
rm -rf "$work/built" "$work/another"
echo "1..11"
check "the packages are built" build_packages "$work/built"
check "elsewhere they come out the same" same_packages
check "lintian has no objection" looked_at
check "a Debian that never saw them" unpack_debian
check "they are installed, the module is built" install_packages
check "modprobe finds it" module_works
check "the command starts" command_works
check "they are removed" remove_packages
check "nothing is left" nothing_left
check "dkms add, build and install, from a clone" dkms_by_hand
check "dkms remove" dkms_removed
rm -rf "$root"
[ $failed -eq 0 ]
