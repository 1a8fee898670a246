#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Asks the kernel that a module is built for what it has.  Run by Kbuild, in
# place of a compiler:
#
#   compat_probe.sh QUESTIONS ANSWERS KERNEL COMPILER FLAG...
#
# QUESTIONS is a C file like compat_probe.c.  All of it is compiled once, and an
# error belongs to the question in whose lines it is; one that is in nobody's
# means that nothing can be said, and ends the build.  ANSWERS is a header.
# KERNEL is there for make alone, which sees by it that another one is meant.
set -eu

questions=$1
answers=$2
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Errors must be seen as such: one question more, whose answer is no.
{
	cat "$questions"
	echo 'static void __maybe_unused'
	echo 'hvnet_have_control(void) { hvnet_there_is_no_such_function(); }'
} >"$work/questions.c"
if LC_ALL=C "$@" -fdiagnostics-color=never -Wno-error \
	-Werror=implicit-function-declaration -Werror=int-conversion \
	-Werror=incompatible-pointer-types -fsyntax-only "$work/questions.c" \
	2>"$work/log"; then
	echo "$questions: the compiler finds no error where there is one" >&2
	exit 1
fi

# In gcc's words an error in a macro has notes after it, which say where it is used.
if ! awk -v ours="$work/questions.c:" '
	function conclude() {
		if (error && !line)
			exit bad = 1
		for (i = n; i && first[i] > line; i--)
			;
		if (error)
			no[i] = 1
		error = line = 0
	}
	FNR == NR {
		if (/^hv[a-z]*_have_/) {
			sub(/\(.*/, "")
			name[++n] = toupper($0)
			first[n] = FNR
		}
		next
	}
	/: (fatal )?error: / { conclude(); error = 1 }
	index($0, ours) == 1 && !line { line = substr($0, length(ours) + 1) + 0 }
	END {
		if (!bad)
			conclude()
		if (bad || no[0] || !no[n])
			exit 1
		print "/* SPDX-License-Identifier: GPL-2.0-only */"
		print "/* Made by compat_probe.sh. */"
		for (i = 1; i < n; i++)
			print "#define " name[i] "\t" !no[i]
	}' "$work/questions.c" "$work/log" >"$answers"; then
	cat "$work/log" >&2
	echo "$questions: it is not to be told what this kernel has" >&2
	exit 1
fi

# What the answers depend on, for make: a compiler that found errors does not say.
"$@" -E "$questions" >"$work/questions.i"
