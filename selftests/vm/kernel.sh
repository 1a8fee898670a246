#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Fetches Debian's kernels, their headers and the guest's programs into the
# cache, and says where they are.  Nothing is installed: an apt configuration
# of its own, in the cache, knows the releases and architectures needed here,
# so that the machine's own package state stays as it is.  apt verifies the
# archive's signatures; what it delivered is recorded by sha256 and verified
# again at each use, which needs no network.
#
# A few kernels are built here, of Debian's source and a configuration of ours:
# see configs/.  Such a one is kept under a key of both.
#
#   kernel.sh kdir    VERSION ARCH   directory to build modules against
#   kernel.sh boot    VERSION ARCH   directory with vmlinuz, release, lib/modules
#   kernel.sh user    ARCH           root directory with the guest's programs
#   kernel.sh python  ARCH           root directory with Python, for the guest
#   kernel.sh library ARCH           root directory with hvnet's libraries
#   kernel.sh scripts                directory with checkpatch.pl and its lists
#   kernel.sh coccinelle             of the kernel's source what is coccicheck
#   kernel.sh ynl                    of the kernel's source what is ynl
#   kernel.sh debian                 archive (tar) of a small Debian, for packages
set -eu
. "$(dirname "$0")/common.sh"

# Programs inside the VM; the libraries they need are found by apt and readelf.
GUEST_PACKAGES="dash busybox-static coreutils iproute2 ethtool iperf3 iputils-ping"

# What the kernel's ynl needs inside the VM, for architecture $1.
python_packages()
{
	local version=3.11

	[ "$(user_release "$1")" != trixie ] || version=3.13
	echo "python$version-minimal libpython$version-minimal" \
		"libpython$version-stdlib python3-yaml"
}

# What hvnet is linked with, for JSON and for netlink: the release, or "host" for
# this machine's, and the package. Before trixie libmnl comes as a shared library
# only.
LIBRARY_PACKAGES="host/libjansson-dev trixie/libmnl-dev"

# What our Debian packages depend on.
DEBIAN_PACKAGES="dkms libjansson4 libmnl0"

# Parts of the kernel's module tree worth unpacking: a quarter of it. Each has
# something in every kernel; a single module may be built in.
MODULE_DIRS="net lib crypto drivers/net drivers/virtio drivers/char
drivers/block/virtio_blk drivers/vhost"

# What gcc 12 cannot do and kernels say their compiler could.
CC_FEATURES="MIN_FUNCTION_ALIGNMENT COUNTED_BY COUNTED_BY_PTR ASSUME
MULTIDIMENSIONAL_NONSTRING"

# Of the kernel's source, what no kernel of ours is made of: a third.
NOT_UNPACKED=('Documentation/*/*' '*.dts' '*.dtsi' 'sound/*.[ch]'
	'drivers/gpu/*.[ch]' 'drivers/media/*.[ch]' 'drivers/staging/*.[ch]'
	'drivers/infiniband/*.[ch]')

host_codename()
{
	# shellcheck source=/dev/null
	(. /etc/os-release && echo "${VERSION_CODENAME:?}")
}

# The archive that this machine already uses for its own release: the other
# releases are expected beside it.
mirror_uri()
{
	local codename uri

	codename=$(host_codename)
	uri=$(apt-get indextargets --no-release-info \
		--format "\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
		'Created-By: Packages' |
		awk -v r="$codename" '$2 == r && $3 == "main" { print $1; exit }')
	[ -n "$uri" ] ||
		die "apt's sources name no archive for $codename main; add one"
	echo "${uri%/}"
}

# Debian's release with programs for architecture $1: this machine's, if it is
# old enough to have been there.
user_release()
{
	[ "$1" = riscv64 ] && echo trixie || host_codename
}

# Writes the private apt configuration for release $1 and selects it, for programs
# of architecture $2 if that is not one of the first two.
use_release()
{
	local dir=$HVNET_CACHE/apt/$1 architectures='"amd64"; "arm64";' uri

	if [ "${2-}" = riscv64 ]; then
		dir+=-riscv64
		architectures="\"$(deb_arch "$(host_arch)")\"; \"riscv64\";"
	fi
	cache_lock apt
	uri=$(mirror_uri)
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/state/status"
	cat >"$dir/sources.list" <<-EOF
	deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $1 main
	EOF
	cat >"$dir/apt.conf" <<-EOF
	Dir::State "$dir/state";
	Dir::State::status "$dir/state/status";
	Dir::Cache "$dir/cache";
	Dir::Cache::pkgcache "pkgcache.bin";
	Dir::Cache::srcpkgcache "srcpkgcache.bin";
	Dir::Etc::sourcelist "$dir/sources.list";
	Dir::Etc::sourceparts "-";
	APT::Architectures { $architectures };
	APT::Sandbox::User "$(id -un)";
	Acquire::Languages "none";
	#clear APT::Update::Pre-Invoke;
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	EOF
	apt_config=$dir/apt.conf
	say "reading the package lists of Debian $1"
	private_apt get -q update >&2
}

# -c is read after the machine's own configuration, and so has the last word.
private_apt()
{
	local tool=$1

	shift
	"apt-$tool" -c "$apt_config" "$@"
}

# Fetches the packages given into $1/debs.
download()
{
	local dir=$1

	shift
	say "fetching $*"
	mkdir -p "$dir/debs"
	(cd "$dir/debs" && private_apt get -q download "$@" >&2)
}

# What package $1 depends on and is called like the regular expression $2.
depends_on()
{
	private_apt cache depends --no-recommends --no-suggests "$1" |
		awk -v like="^$2" '$1 == "Depends:" && $2 ~ like {
			sub(/:.*/, "", $2)
			print $2
		}'
}

# The package linux-$1-RELEASE-$3 for kernel $2: of the release in file $4, if
# there is that file and Debian still has that release, or of today's.
package_of()
{
	local what=$1 version=$2 deb=$3 release flavour=

	if release=$(cat "$4" 2>/dev/null) &&
		[ "$(private_apt cache pkgnames "linux-$what-$release")" ]; then
		echo "linux-$what-$release"
		return
	fi
	[ "${version%-rt}" = "$version" ] || flavour=rt-
	depends_on "linux-$what-$flavour$deb:$deb" "linux-$what-[0-9]"
}

# The package with those headers of release $1 that architectures share.
common_headers()
{
	case $1 in
	*-rt-*) echo "linux-headers-${1%-rt-*}-common-rt" ;;
	*) echo "linux-headers-${1%-*}-common" ;;
	esac
}

record()
{
	local sums

	sums=$(cd "$1" && find . -type f ! -path './root/*' ! -path './glue/*' \
		-exec sha256sum {} + | LC_ALL=C sort -k2)
	echo "$sums" >"$1/SHA256SUMS"
}

# True when directory $1 is complete and unchanged since it was recorded.
intact()
{
	[ -f "$1/SHA256SUMS" ] || return 1
	(cd "$1" && sha256sum --quiet --strict -c SHA256SUMS >&2) && return
	say "the cache at $1 is damaged, fetching it again"
	return 1
}

# Leaves $1 ready: calls the remaining arguments to fill a new directory and
# puts that in place only when complete, so that an interrupted run is safe.
provide()
{
	local dir=$1

	shift
	intact "$dir" && return
	cache_lock "$(basename "$dir")"
	intact "$dir" && return
	rm -rf "$dir" "$dir.new"
	mkdir -p "$dir.new"
	"$@" "$dir.new"
	record "$dir.new"
	mv "$dir.new" "$dir"
	say "in the cache: $dir"
}

unpack()
{
	local deb=$1 root=$2

	shift 2
	mkdir -p "$root"
	dpkg-deb --fsys-tarfile "$deb" |
		tar -x -C "$root" --no-same-owner --wildcards "$@"
}

# Kernel tools of a newer release want a newer C library than this machine
# may have: those run under that release's own dynamic loader.
wrap_tools()
{
	local dir=$1 host=$2 tool glue=

	while read -r tool; do
		ldd "$tool" 2>&1 | grep -q 'not found' || continue
		if [ -z "$glue" ]; then
			glue=$dir/glue
			download "$dir" "libc6:$host" "libelf1t64:$host" \
				"zlib1g:$host" "libzstd1:$host"
			mkdir -p "$glue"
			for deb in "$dir"/debs/lib*.deb; do
				dpkg-deb -x "$deb" "$glue"
			done
		fi
		mv "$tool" "$tool.bin"
		cat >"$tool" <<-'EOF'
		#!/bin/sh
		here=$(readlink -f "$0")
		top=${here%/root/usr/lib/*}
		for loader in "$top"/glue/usr/lib*/ld-linux-*.so.*; do :; done
		libs=
		for dir in "$top"/glue/usr/lib/*-linux-gnu; do libs=$dir; done
		exec "$loader" --library-path "$libs" --argv0 "$0" "$here.bin" "$@"
		EOF
		chmod +x "$tool"
	done < <(find "$dir/root/usr/lib" -type f \( -name fixdep -o \
		-name 'modpost*' -o -name genksyms -o -name 'objtool*' -o \
		-name resolve_btfids \) -exec grep -lz '^.ELF' {} +)
}

# The ARCH= of a make command line.
make_arch()
{
	case $1 in
	x86_64) echo x86 ;;
	riscv64) echo riscv ;;
	*) echo "$1" ;;
	esac
}

# Debian's .kernelvariables names the compiler that built the kernel, which is
# another one on another release: take this machine's.  The archive's absolute
# paths become relative to the cache, features of newer compilers go away.
fix_headers()
{
	local root=$1 release=$2 arch=$3 headers=$1/usr/src/linux-headers-$2
	local feature

	# shellcheck disable=SC2016
	sed -i -e 's,/usr/src/,$(headers_root)/,' -e \
		'1i headers_root := $(realpath $(dir $(lastword $(MAKEFILE_LIST)))..)' \
		"$headers/Makefile"
	cat >"$headers/.kernelvariables" <<-EOF
	override ARCH = $(make_arch "$arch")
	override KERNELRELEASE = $release
	override CROSS_COMPILE = $(cross_prefix "$arch")
	CC = \$(CROSS_COMPILE)gcc
	DEBIAN_KERNEL_NO_CC_VERSION_CHECK = y
	EOF
	for feature in $CC_FEATURES; do
		sed -i -E "/CONFIG_CC_HAS_(${feature})[= ]/d" \
			"$headers/include/config/auto.conf" \
			"$headers/include/generated/autoconf.h"
	done
	# Without vmlinux there is no BTF to make, and pahole is not needed: its
	# version is not to be compared.
	rm -f "$headers/vmlinux"
	sed -i 's/^CONFIG_PAHOLE_VERSION=.*/CONFIG_PAHOLE_VERSION=0/' \
		"$headers/include/config/auto.conf"
}

fill_kdir()
{
	local version=$1 arch=$2 dir=$3 deb host headers release common kbuild

	deb=$(deb_arch "$arch")
	host=$(deb_arch "$(host_arch)")
	use_release "$(suite_of_kernel "$version")" "$arch"
	headers=$(package_of headers "$version" "$deb" \
		"$HVNET_CACHE/boot-$version-$arch/release")
	[ -n "$headers" ] || die "Debian has no kernel $version for $arch"
	release=${headers#linux-headers-}
	common=$(common_headers "$release")
	kbuild=$(depends_on "$headers:$deb" linux-kbuild-)
	download "$dir" "$headers:$deb" "$common" "$kbuild:$host"
	for deb in "$dir"/debs/linux-*.deb; do
		unpack "$deb" "$dir/root" ./usr/src ./usr/lib 2>/dev/null || true
	done
	fix_headers "$dir/root" "$release" "$arch"
	wrap_tools "$dir" "$host"
	echo "$release" >"$dir/release"
}

fill_boot()
{
	local version=$1 arch=$2 dir=$3 deb image release part parts
	local kdir=$HVNET_CACHE/kdir-$1-$2

	deb=$(deb_arch "$arch")
	use_release "$(suite_of_kernel "$version")" "$arch"
	# Modules are built against the headers: the image is of that release.
	image=$(package_of image "$version" "$deb" "$kdir/release")
	release=${image#linux-image-}
	if [ "$release" != "$(cat "$kdir/release")" ]; then
		say "Debian has $release by now: the older headers go"
		rm -f "$kdir/SHA256SUMS"
	fi
	# The newest comes in three: lists, the kernel, and its modules.
	parts=$(depends_on "$image:$deb" "linux-(base|binary|modules)-[0-9]" | tr '\n' ' ')
	for part in ${parts:-$image}; do
		download "$dir" "$part:$deb"
	done
	set -- '*/vmlinu[xz]*' '*/modules.builtin' '*/modules.order' \
		'*/modules.builtin.modinfo'
	for part in $MODULE_DIRS; do
		set -- "$@" "*/$release/kernel/$part*"
	done
	for deb in "$dir"/debs/*.deb; do
		unpack "$deb" "$dir/root" "$@" 2>/dev/null || true
	done
	find "$dir/root" -name 'vmlinu[xz]*' -exec mv {} "$dir/vmlinuz" \;
	[ -f "$dir/vmlinuz" ] || die "$image has no kernel where one is looked for"
	# From 6.12 on modules are below /usr and compressed.
	mkdir -p "$dir/root/lib/modules"
	[ -d "$dir/root/usr/lib/modules" ] &&
		mv "$dir/root/usr/lib/modules/$release" "$dir/root/lib/modules/"
	find "$dir/root" -name '*.ko.xz' -exec xz -d {} +
	depmod -b "$dir/root" "$release"
	echo "$MODULE_DIRS" >"$dir/module-dirs"
	echo "$release" >"$dir/release"
}

# One that was filled when fewer modules were wanted is no use, nor is one of
# another release than the headers in $2.
outdated_boot()
{
	[ "$(cat "$1/module-dirs" 2>/dev/null)" != "$MODULE_DIRS" ] ||
		! cmp -s "$1/release" "$2/release"
}

# All library packages that $@ depend on, directly or not.
libraries_of()
{
	local todo="$*" seen=" " next package

	while [ -n "$todo" ]; do
		next=
		for package in $todo; do
			case $seen in *" $package "*) continue ;; esac
			seen+="$package "
			next+=" $(private_apt cache depends --no-recommends --no-suggests \
				--no-conflicts --no-breaks --no-replaces --no-enhances \
				"$package" | awk '/Depends: z?lib/ { print $NF }')"
		done
		todo=${next# }
		[ -z "${todo// /}" ] && todo=
	done
	echo "$seen"
}

# fill_user ARCH PACKAGES DIR
fill_user()
{
	local arch=$1 dir=$3 deb package want=

	deb=$(deb_arch "$arch")
	use_release "$(user_release "$arch")" "$arch"
	for package in $2; do
		want+="$package:$deb "
	done
	# shellcheck disable=SC2086
	want=$(libraries_of $want)
	# shellcheck disable=SC2086
	download "$dir" $want
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root"
	done
}

fill_library()
{
	local arch=$1 dir=$2 deb package release

	deb=$(deb_arch "$arch")
	for package in $LIBRARY_PACKAGES; do
		release=${package%/*}
		[ "$release" != host ] || release=$(user_release "$arch")
		# One lock on apt at a time: it goes with the subshell.
		(use_release "$release" "$arch" &&
			download "$dir" "${package#*/}:$deb")
	done
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir/root"
	done
	# It is linked with the C library here, which has that by its old name.
	[ "$(user_release "$arch")" = "$(host_codename)" ] ||
		find "$dir/root" -name libjansson.a \
			-exec "$(cross_prefix "$arch")objcopy" \
			--redefine-sym __isoc23_strtoll=strtoll {} \;
	echo "$LIBRARY_PACKAGES" >"$dir/packages"
}

# One that was filled when others were wanted is no use.
outdated_library()
{
	[ "$(cat "$1/packages" 2>/dev/null)" != "$LIBRARY_PACKAGES" ]
}

# fill_source VERSION DIR
fill_source()
{
	local version=$1 dir=$2

	use_release "$(suite_of_kernel "$version")"
	say "the kernel's source: about 140 MB, once"
	download "$dir" "linux-source-$version:all"
}

# Unpacks that source, or what of it the further arguments to tar select, to $2.
unpack_source()
{
	local version=$1 to=$2

	shift 2
	mkdir -p "$to"
	dpkg-deb --fsys-tarfile "$(source_dir "$version")"/debs/*.deb |
		tar -xO --wildcards '*.tar.xz' |
		tar -xJ -C "$to" --strip-components=1 --wildcards "$@"
}

source_dir()
{
	provide "$HVNET_CACHE/source-$1" fill_source "$1"
	echo "$HVNET_CACHE/source-$1"
}

# checkpatch is in no small package: its three files are taken out of the
# kernel's source.
fill_scripts()
{
	unpack_source "$HVNET_MAIN_KERNEL" "$1" '*/scripts/checkpatch.pl' \
		'*/scripts/spelling.txt' '*/scripts/const_structs.checkpatch'
	mv "$1"/scripts/* "$1/"
	rmdir "$1/scripts"
}

# The kernel's semantic patches, and what applies them.  Two of them are OCaml in
# part, one of which is for a driver: not worth the 300 MB of a compiler for it.
fill_coccinelle()
{
	unpack_source "$HVNET_MAIN_KERNEL" "$1/linux" '*/scripts/coccicheck' \
		'*/scripts/coccinelle'
	grep -rlZ script:ocaml "$1/linux" | xargs -0 rm
}

# The kernel's own program for netlink families, and the schemata of what it
# reads; older kernels have none.
fill_ynl()
{
	unpack_source "$HVNET_YNL_KERNEL" "$1/linux" '*/tools/net/ynl' \
		'*/Documentation/netlink'
}

# A Debian of this machine's release and architecture, with what our packages
# depend on and headers of its kernel, and nothing that is ours.
fill_debian()
{
	local dir=$1 deb

	deb=$(deb_arch "$(host_arch)")
	use_release "$(host_codename)"
	say "a small Debian to install packages in: about 400 MB, once"
	mmdebstrap --quiet --variant=apt --include="$DEBIAN_PACKAGES linux-headers-$deb" \
		"$(host_codename)" "$dir/debian.tar" "$HVNET_CACHE/apt/$(host_codename)/sources.list" >&2
}

# --- kernels that are built here

built_make()
{
	make -s -j"$(nproc)" ARCH=arm64 CROSS_COMPILE="$(cross_prefix arm64)" \
		KBUILD_BUILD_USER=hvisor_vnet KBUILD_BUILD_HOST=rig "$@" >&2
}

# What kernel $1 is configured with, as what is to be set on top of nothing.
built_config()
{
	cat "$HVNET_VM/configs/suite.config" "$HVNET_VM/configs/$1.config"
}

# An option that depends on something else which is missing goes away without
# a word: the kernel would then not find what it is built for.
config_holds()
{
	local line bad=0

	while read -r line; do
		case $line in
		CONFIG_*=n) ! grep -q "^${line%n}" "$2" ;;
		CONFIG_*) grep -qxF "$line" "$2" ;;
		esac && continue
		say "the kernel's configuration does not take $line"
		bad=1
	done <"$1"
	return $bad
}

# What modules are built with is kept of the built tree $1, in $2, as a
# distribution's headers do.
keep_headers()
{
	local tree=$1 to=$2

	mkdir -p "$to"
	(cd "$tree" && find Makefile .config Module.symvers arch/arm64/Makefile \
		include scripts arch/arm64/include ! -name '*.o' ! -type d |
		cpio -pdm --quiet "$to")
}

fill_built()
{
	local version=$1 dir=$2 tree=$2/tree release

	say "kernel $version is built, which takes some minutes, once"
	unpack_source "${version%%-*}" "$tree" \
		"${NOT_UNPACKED[@]/#/--exclude=*/}"
	built_config "$version" >"$dir/wanted.config"
	built_make -C "$tree" KCONFIG_ALLCONFIG="$dir/wanted.config" allnoconfig
	config_holds "$dir/wanted.config" "$tree/.config" ||
		die "kernel $version would not be what it is called"
	built_make -C "$tree" Image modules
	built_make -C "$tree" INSTALL_MOD_PATH="$dir/root" modules_install
	release=$(cat "$tree/include/config/kernel.release")
	rm -f "$dir/root/lib/modules/$release"/{build,source}
	cp "$tree/arch/arm64/boot/Image" "$dir/vmlinuz"
	cp "$tree/.config" "$dir/config"
	keep_headers "$tree" "$dir/root/usr/src/linux-headers-$release"
	cat >"$dir/root/usr/src/linux-headers-$release/.kernelvariables" <<-EOF
	override ARCH = arm64
	override CROSS_COMPILE = $(cross_prefix arm64)
	EOF
	rm -r "$tree"
	echo "$release" >"$dir/release"
}

# Kernel $1, built if it is not there; its directory is printed, and serves as
# both kdir and boot.
built_dir()
{
	local source key dir

	[ "$2" = arm64 ] || die "kernel $1 is built for arm64 only"
	source=$HVNET_CACHE/source-${1%%-*}
	# In a subshell, whose end frees apt: building takes long.
	[ -f "$source/SHA256SUMS" ] || (source_dir "${1%%-*}" >/dev/null)
	key=$({ cat "$source/SHA256SUMS"; built_config "$1"; } |
		sha256sum | cut -c1-12)
	dir=$HVNET_CACHE/built-$1-$key
	provide "$dir" fill_built "$1"
	find "$HVNET_CACHE" -maxdepth 1 -name "built-$1-*" ! -path "$dir*" \
		-mtime +7 -exec rm -r {} +
	echo "$dir"
}

case ${1-} in
kdir)
	if is_built_kernel "$2"; then
		dir=$(built_dir "$2" "$(kernel_arch "$3")")
	else
		dir=$HVNET_CACHE/kdir-$2-$(kernel_arch "$3")
		provide "$dir" fill_kdir "$2" "$(kernel_arch "$3")"
	fi
	echo "$dir/root/usr/src/linux-headers-$(cat "$dir/release")"
	;;
boot)
	if is_built_kernel "$2"; then
		built_dir "$2" "$(kernel_arch "$3")"
		exit
	fi
	dir=$HVNET_CACHE/boot-$2-$(kernel_arch "$3")
	kdir=$HVNET_CACHE/kdir-$2-$(kernel_arch "$3")
	(provide "$kdir" fill_kdir "$2" "$(kernel_arch "$3")")
	! outdated_boot "$dir" "$kdir" || rm -f "$dir/SHA256SUMS"
	provide "$dir" fill_boot "$2" "$(kernel_arch "$3")"
	echo "$dir"
	;;
user)
	dir=$HVNET_CACHE/user-$(kernel_arch "$2")
	provide "$dir" fill_user "$(kernel_arch "$2")" "$GUEST_PACKAGES"
	echo "$dir/root"
	;;
python)
	dir=$HVNET_CACHE/python-$(kernel_arch "$2")
	provide "$dir" fill_user "$(kernel_arch "$2")" \
		"$(python_packages "$(kernel_arch "$2")")"
	echo "$dir/root"
	;;
library)
	dir=$HVNET_CACHE/library-$(kernel_arch "$2")
	! outdated_library "$dir" || rm -f "$dir/SHA256SUMS"
	provide "$dir" fill_library "$(kernel_arch "$2")"
	echo "$dir/root"
	;;
scripts)
	dir=$HVNET_CACHE/scripts-$HVNET_MAIN_KERNEL
	provide "$dir" fill_scripts
	echo "$dir"
	;;
coccinelle)
	dir=$HVNET_CACHE/coccinelle-$HVNET_MAIN_KERNEL
	provide "$dir" fill_coccinelle
	echo "$dir/linux"
	;;
ynl)
	dir=$HVNET_CACHE/ynl-$HVNET_YNL_KERNEL
	provide "$dir" fill_ynl
	echo "$dir/linux"
	;;
debian)
	dir=$HVNET_CACHE/debian-$(host_arch)
	provide "$dir" fill_debian
	echo "$dir/debian.tar"
	;;
*)
	die "usage: kernel.sh kdir|boot VERSION ARCH," \
		"user|python|library ARCH, scripts, coccinelle, ynl, debian"
	;;
esac
