#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Packs what the VM boots from memory, in two halves that the kernel unpacks
# one after the other:
#
#   initramfs.sh base ARCH
#	programs and their libraries; kept in the cache, its path is printed
#   initramfs.sh python ARCH
#	Python and the kernel's ynl, for tests that ask for it; likewise
#   initramfs.sh overlay VERSION ARCH BUILD FILE
#	kernel modules, hvnet and ours from BUILD, and the tests; written to FILE
#   initramfs.sh tree VERSION ARCH DIR FILE MODULE...
#	adds these kernel modules and what they need to DIR, beside those that
#	are in its root already, and writes all of it to FILE
#
# Neither is compressed: under emulation unpacking would cost more than it saves.
set -eu
. "$(dirname "$0")/common.sh"

# busybox prefers its own ip and ping to the real ones whenever it runs a
# program: hence another shell, and another timeout, than busybox's.
PROGRAMS="dash busybox timeout env nice ip bridge tc ss ethtool iperf3 ping"

# Ours may use any of these; what they depend on comes along.
MODULES="virtio virtio_ring virtio_net bridge veth tun dummy pktgen af_packet
ipv6 sch_fq sch_fq_codel sch_netem sch_tbf sch_ingress cls_u32 cls_flower
cls_matchall act_mirred act_gact 8021q vhost_net"

pack()
{
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort |
		cpio -o -H newc -R 0:0 --quiet) >"$2.new"
	mv "$2.new" "$2"
}

# Copies file $2 of root $1 and the shared libraries it needs to stage $3.
add_program()
{
	local root=$1 file=$2 stage=$3 lib from

	[ -e "$stage/$file" ] && return
	from=$(find_file "$root" "${file##*/}" "${file%/*}")
	mkdir -p "$stage/${file%/*}"
	cp "$root/$from" "$stage/$file"
	readelf -dl "$root/$from" 2>/dev/null | sed -n \
		-e 's/.*(NEEDED).*\[\(.*\)\]/\1/p' \
		-e 's/.*program interpreter: \(.*\)\]/\1/p' |
	while read -r lib; do
		case $lib in
		/*) lib=${lib#/} ;;	# the loader, where the kernel looks
		*) lib=$(find_file "$root" "$lib" 'lib*') ;;
		esac
		add_program "$root" "$lib" "$stage"
	done
}

# The path below root $1 of the file called $2, below a directory like one of $3;
# links to other places (lib64) are not followed.
find_file()
{
	local found

	# shellcheck disable=SC2086
	found=$(cd "$1" && find $3 lib usr/lib usr -name "$2" -xtype f \
		! -lname '/*' 2>/dev/null | head -n 1)
	[ -n "$found" ] || die "no package brings $2"
	echo "$found"
}

# cached NAME COMMAND ROOT...: prints the image NAME of the cache; where there is
# none of this script and what those roots hold, COMMAND fills a stage for it.
cached()
{
	local name=$1 fill=$2 key image stage

	shift 2
	key=$(cat "${@/%//../SHA256SUMS}" "$HVNET_VM/initramfs.sh" |
		sha256sum | cut -c1-12)
	image=$HVNET_CACHE/$name-$key.cpio
	if [ ! -f "$image" ]; then
		cache_lock "$name.cpio"
		# Another tree's may be in use right now, old ones are not.
		find "$HVNET_CACHE" -name "$name-*.cpio" -mtime +1 -delete
		stage=$(mktemp -d)
		"$fill" "$stage" "$@"
		pack "$stage" "$image"
		rm -rf "$stage"
	fi
	echo "$image"
}

fill_base()
{
	local stage=$1 root=$2 name file

	# Newer releases have all of it below /usr.
	if [ ! -d "$root/bin" ]; then
		mkdir -p "$stage/usr/bin"
		ln -s usr/bin "$stage/bin"
	fi
	for name in $PROGRAMS; do
		file=$(find_file "$root" "$name" '*bin usr/*bin')
		add_program "$root" "$file" "$stage"
	done
	# Nothing names it: a thread that is cancelled loads it.
	add_program "$root" "$(find_file "$root" libgcc_s.so.1 'lib*')" "$stage"
	ln -s dash "$stage/bin/sh"
}

base()
{
	local root

	root=$("$HVNET_VM/kernel.sh" user "$1")
	cached "base-$1" fill_base "$root"
}

# What of Python no program here imports.
PYTHON_LEFT_OUT="test idlelib lib2to3 ensurepip distutils unittest"

fill_python()
{
	local stage=$1 root=$2 ynl=$3 name

	mkdir -p "$stage/usr/bin"
	[ ! -d "$root/lib" ] || cp -r "$root/lib" "$stage/"
	cp -r "$root/usr/lib" "$stage/usr/"
	cp "$root"/usr/bin/python3.* "$stage/usr/bin/python3"
	for name in $PYTHON_LEFT_OUT; do
		rm -rf "$stage"/usr/lib/python3.*/"$name"
	done
	cp -r "$ynl/tools/net/ynl" "$stage/ynl"
}

python()
{
	local root ynl

	root=$("$HVNET_VM/kernel.sh" python "$1")
	ynl=$("$HVNET_VM/kernel.sh" ynl)
	cached "python-$1" fill_python "$root" "$ynl"
}

# Prints the files that module $2 of tree $1 needs, itself included.
module_files()
{
	awk -F'[: ]+' -v m="$2" '{
		name = $1
		sub(/.*\//, "", name)
		sub(/\.ko$/, "", name)
		gsub(/-/, "_", name)
		if (name == m)
			for (i = 1; i <= NF; i++)
				if ($i != "")
					print $i
	}' "$1/modules.dep"
}

# add_modules VERSION ARCH STAGE MODULE...: Debian's, and *.ko of the stage's root
add_modules()
{
	local boot release tree to stage=$3 module file

	boot=$("$HVNET_VM/kernel.sh" boot "$1" "$2")
	shift 3
	release=$(cat "$boot/release")
	tree=$boot/root/lib/modules/$release
	to=$stage/lib/modules/$release
	mkdir -p "$to/extra"
	cp "$tree"/modules.builtin* "$tree/modules.order" "$to/"
	for module; do
		module_files "$tree" "$module"
	done | sort -u | while read -r file; do
		mkdir -p "$to/$(dirname "$file")"
		cp "$tree/$file" "$to/$file"
	done
	find "$stage" -maxdepth 1 -name '*.ko' -exec mv {} "$to/extra/" \;
	depmod -b "$stage" "$release"
}

overlay()
{
	local version=$1 arch=$2 build=$3 image=$4 stage file

	stage=$(mktemp -d)
	mkdir -p "$stage/rig" "$stage/tests" "$stage/etc" "$stage/usr/sbin"
	find "$build/src" -name '*.ko' -exec cp {} "$stage/" \;
	# shellcheck disable=SC2086
	add_modules "$version" "$arch" "$stage" $MODULES
	cp "$HVNET_VM/init.sh" "$stage/init"
	cp "$HVNET_VM/clean.sh" "$build/rigrun" "$stage/rig/"
	(cd "$build/src/selftests" &&
		find hvisor_vnet bench -type f -perm -u+x -o -name '*.sh') |
	while read -r file; do
		cp "$build/src/selftests/$file" "$stage/tests/"
	done
	cp "$build/src/tools/hvnet" "$stage/usr/sbin/"
	chmod 755 "$stage/init" "$stage/tests/"*
	pack "$stage" "$image"
	rm -rf "$stage"
}

tree()
{
	local version=$1 arch=$2 stage=$3 image=$4

	shift 4
	add_modules "$version" "$arch" "$stage" "$@"
	pack "$stage" "$image"
}

case ${1-} in
base)
	base "$(kernel_arch "$2")"
	;;
python)
	python "$(kernel_arch "$2")"
	;;
overlay)
	overlay "$2" "$(kernel_arch "$3")" "$4" "$5"
	;;
tree)
	shift
	tree "$@"
	;;
*)
	die "usage: initramfs.sh base|python ARCH | overlay VERSION ARCH BUILD FILE |" \
		"tree VERSION ARCH DIR FILE MODULE..."
	;;
esac
