# SPDX-License-Identifier: GPL-2.0-only
# For people: build the module for a kernel, test it, watch it work.  What the
# kernel's build system reads is Kbuild; how tests are run is in selftests/vm.
#
#   make help

# For "modules"; ARCH and CROSS_COMPILE are handed on as the kernel wants them.
KDIR ?= /lib/modules/$(shell uname -r)/build

# For the tests: which kernel, which machine, which tests.
KERNEL ?= 6.1
VM := selftests/vm
vm_arch = $(or $(ARCH),arm64)

CHECK = ARCH_VM=$(vm_arch) KERNEL_VM=$(KERNEL) TESTS="$(TESTS)" \
	MUTANTS="$(MUTANTS)" MATRIX="$(MATRIX)" $(VM)/check.sh

all: modules

# The same sources make the same module, wherever they are.
modules modules_install:
	@[ -f $(KDIR)/Makefile ] || { echo "no kernel to build for at $(KDIR):" \
		"install its headers (Debian: linux-headers-$$(uname -r))," \
		"or give KDIR=DIR" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) \
		KCFLAGS="$(strip $(KCFLAGS) -ffile-prefix-map=$(CURDIR)=.)" \
		$(if $(DESTDIR),INSTALL_MOD_PATH=$(abspath $(DESTDIR))) $@

# Another machine's library comes from the cache of the tests, and is linked in.
cross = $(filter-out $(shell uname -m),$(patsubst arm64,aarch64,$(ARCH:riscv=riscv64)))
tools tools_install:
	+@$(MAKE) -C tools $(if $(cross),STATIC=1 \
		LIBS="$$($(VM)/kernel.sh library $(ARCH))") \
		$(if $(filter %_install,$@),install \
			$(if $(DESTDIR),DESTDIR=$(abspath $(DESTDIR))))

install: modules_install tools_install

clean:
	$(RM) -r build
	$(MAKE) -C tools clean
	@! [ -d $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean

demo:
	@$(VM)/setup.sh
	@$(VM)/demo.sh

check:
	@$(CHECK) unit model static probes build vm

check-unit check-model check-static check-probes check-build check-vm check-matrix \
check-debug check-kcsan check-mutants check-package:
	@$(CHECK) $(@:check-%=%)

# For each fuzzer, in seconds.
SECS ?= 20
fuzz:
	@SECS="$(SECS)" $(CHECK) fuzz

# The binaries are the user's own: HVISOR, HVISOR_TOOL, HVISOR_KO.  Without them
# this is skipped, which is no error.
on_hvisor = HVISOR="$(HVISOR)" HVISOR_TOOL="$(HVISOR_TOOL)" \
	HVISOR_KO="$(HVISOR_KO)" HVISOR_BASELINE="$(HVISOR_BASELINE)" \
	selftests/hvisor/run.sh $(if $(GUEST_KERNEL),--guest-kernel $(GUEST_KERNEL))

check-hvisor:
	@$(on_hvisor) $(TESTS) || [ $$? -eq 4 ]

bench-hvisor:
	@$(on_hvisor) --guest-append maxcpus=1 bench || [ $$? -eq 4 ]

htmldocs:
	@$(VM)/setup.sh
	@sphinx-build -q -n -W --keep-going -d build/doctrees Documentation build/html
	@echo build/html/index.html

bench:
	@$(VM)/setup.sh
	@selftests/bench/run.sh --kernel $(KERNEL) $(PARTS)

help:
	@echo "make			build hvisor_vnet.ko for the kernel at KDIR"
	@echo "			(default: the running one; ARCH, CROSS_COMPILE)"
	@echo "make modules_install	install it there (DESTDIR)"
	@echo "make tools		build tools/hvnet, the command that sets it up"
	@echo "make tools_install	install that (DESTDIR, PREFIX=/usr/local)"
	@echo "make install		install both, below DESTDIR if given"
	@echo "make demo		watch a guest talk to a bridge through it, in a VM"
	@echo "make check		the next six; what comes then has to be asked for"
	@echo "make check-unit		the pure parts in user space, under ASan and UBSan"
	@echo "make check-model	every state of the wake protocol and its like, by spin"
	@echo "make check-static	W=1, clang, sparse, coccinelle, checkpatch, shellcheck"
	@echo "make check-probes	is it known what a kernel has, also one ported back to"
	@echo "make check-build	compile for other kernels, arm64 and x86_64, PREEMPT_RT;"
	@echo "			KERNELS=\"5.10 newest\" chooses, here and above"
	@echo "make check-vm		tests on a real kernel in a VM; for example"
	@echo "			KERNEL=6.12 ARCH=x86_64 (or riscv64) TESTS=\"one two\","
	@echo "			KERNEL=6.1-rt"
	@echo "make check-matrix	those on each kernel and architecture, and a table:"
	@echo "			hours; MATRIX=\"6.12-arm64 newest-x86_64\", TESTS= choose"
	@echo "make check-debug	those on a kernel, built here, that looks for faults"
	@echo "			of memory, locks and leaks; TESTS= as above"
	@echo "make check-kcsan	on one that looks for data races"
	@echo "make check-package	Debian packages and DKMS, in a small Debian; as root"
	@echo "make check-hvisor	tests on the real hypervisor, in QEMU; needs its"
	@echo "			user's binaries: HVISOR=/path/hvisor.bin"
	@echo "			HVISOR_TOOL=/path/hvisor HVISOR_KO=/path/hvisor.ko"
	@echo "make bench-hvisor	there, the daemon against the module: a table"
	@echo "make fuzz SECS=20	coverage-guided fuzzing of the pure parts, SECS each"
	@echo "make check-mutants	does each test catch what it is there for?"
	@echo "make htmldocs		these pages as HTML, build/html/index.html"
	@echo "make bench		what a frame costs, beside vhost-net and others"
	@echo "make clean		remove what was built"
	@echo
	@echo "Debian packages that are missing are installed by name (apt-get);"
	@echo "kernels are kept in $${XDG_CACHE_HOME:-~/.cache}/hvisor_vnet."

.PHONY: all modules modules_install tools tools_install install clean demo \
	bench htmldocs fuzz help check check-unit check-model check-static check-probes \
	check-build check-vm check-matrix check-debug check-kcsan check-mutants check-package \
	check-hvisor bench-hvisor
