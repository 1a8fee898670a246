# SPDX-License-Identifier: GPL-2.0-only
# For a Kbuild whose objects want to know what the kernel has: makes the header
# $(answers) of $(questions), before $(objects).  All three are without a
# directory.  Anew for another kernel, and when a header has changed that was
# looked into.

probe_script := $(dir $(lastword $(MAKEFILE_LIST)))compat_probe.sh

# Answers are not where questions are if the kernel's MO= is used.
ccflags-y += -I$(obj)
targets += $(answers)

quiet_cmd_compat_probe = PROBE   $@
      cmd_compat_probe = $(CONFIG_SHELL) $(probe_script) $(filter %.c,$^) $@ \
	"$(realpath $(objtree)) $(KERNELRELEASE)" $(CC) $(c_flags)

$(obj)/$(answers): part-of-module := y
$(obj)/$(answers): $(src)/$(questions) $(probe_script) FORCE
	$(call if_changed_dep,compat_probe)

$(addprefix $(obj)/,$(objects)): $(obj)/$(answers)
