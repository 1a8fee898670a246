#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Writes corpus/NAME.hex anew for each fuzzer named: the fewest inputs, of those
# there and those in $BUILD/corpus, that reach every branch that any of them does.

for name; do
	small=$BUILD/small/$name
	rm -rf "$small" && mkdir -p "$small" "$BUILD/corpus/$name"
	"$BUILD/${name}_fuzz" -merge=1 -use_counters=0 "$small" \
		"$BUILD/seeds/$name" "$BUILD/corpus/$name" >/dev/null 2>&1 ||
		exit 1
	for input in "$small"/*; do
		od -An -v -tx1 "$input" | tr -d ' \n'
		echo
	done | LC_ALL=C sort >"corpus/$name.hex"
	echo "# $name: $(wc -l <"corpus/$name.hex") inputs"
done
