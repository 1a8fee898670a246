#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# How many lines and branches of the module's files do the fuzzers named reach,
# with all inputs of corpus/ and those found since?

cov=$BUILD/coverage
rm -rf "$cov"
for name; do
	dir=$cov/$name
	mkdir -p "$dir"
	for source in ring mmio ctrl offload; do
		# shellcheck disable=SC2086
		$CC $CPPFLAGS -std=gnu11 -O0 -g --coverage -c \
			-o "$dir/$source.o" "$TOP/$source.c" || exit 1
	done
	objects="$dir/$name.o"
	[ "$name" = ctrl ] && objects="$objects $dir/ring.o"
	guest=
	case $name in ring | ctrl) guest=guest.c ;; esac
	# shellcheck disable=SC2086
	$CC $CPPFLAGS -std=gnu11 -g --coverage -o "$dir/replay" \
		"${name}_fuzz.c" replay.c $guest $objects || exit 1
	find "$BUILD/seeds/$name" "$BUILD/corpus/$name" -type f -print0 \
		2>/dev/null | xargs -0 "$dir/replay" || exit 1
	(cd "$dir" && gcov -b "$name.gcda" 2>/dev/null) |
		grep -A 3 "^File.*/$name\.c"
done
