#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compares the netlink family's specification with what the module says in C.

The specification is Documentation/netlink/specs/hvisor_vnet.yaml; the header
hvisor_vnet_netlink.h must have its numbers, netlink.c its requests and policies,
and the kernel's own headers those that it borrows.  Either way round: what only
one of them has is an error.  Says nothing if all is well.

    netlink_spec.py TREE KERNEL_UAPI_DIR
"""
import re
import sys

import yaml

FAMILY = "HVISOR_VNET"

# What netlink.c takes from the kernel's headers.
KERNEL = {"ETH_MIN_MTU": 68, "ETH_MAX_MTU": 0xffff, "S32_MAX": 0x7fffffff}

LIMITS = {"s32-max": 0x7fffffff}

errors = []


def wrong(text):
    errors.append(text)


def c_name(*words):
    return "_".join([FAMILY] + [w.upper().replace("-", "_") for w in words])


def compare(what, spec, code):
    for name in sorted(set(spec) | set(code)):
        if name not in code:
            wrong(f"{what}: {name} is only in the specification")
        elif name not in spec:
            wrong(f"{what}: {name} is not in the specification")
        elif spec[name] != code[name]:
            wrong(f"{what}: {name} is {spec[name]} in the specification, "
                  f"{code[name]} in C")


# The header.

def header_enums(text):
    """Names and values of all enums, but for the two that end each."""
    found = {}
    for body in re.findall(r"enum \w*\s*\{(.*?)\}", text, re.S):
        value = 0
        for name, start in re.findall(r"(\w+)(?: = ([^,\n]+))?,?\n", body):
            if name.startswith("__") or name.endswith("_MAX"):
                continue
            value = int(start) if start else value
            found[name] = value
            value += 1
    return found


def spec_enums(spec):
    found = {}
    for d in spec["definitions"]:
        if d["type"] == "enum":
            for i, entry in enumerate(d["entries"]):
                found[c_name(d["name"], entry["name"])] = i
    for s in spec["attribute-sets"]:
        for i, attr in enumerate(s["attributes"], 1):
            found[c_name("a", s["name"], attr["name"])] = i
    for i, op in enumerate(spec["operations"]["list"], 1):
        found[c_name("cmd", op["name"])] = i
    return found


def header_defines(text):
    found = dict(re.findall(r"^#define (\w+)\s+(\S+)$", text, re.M))
    found.pop("HVISOR_VNET_FAMILY_VERSION", None)
    return found


def spec_defines(spec):
    found = {c_name("family-name"): f'"{spec["name"]}"'}
    for d in spec["definitions"]:
        if d["type"] == "const":
            found[c_name(d["name"])] = str(d["value"])
    for group in spec["mcast-groups"]["list"]:
        found[c_name("mcgrp", group["name"])] = f'"{group["name"]}"'
    return found


# What is borrowed from the kernel.

def kernel_numbers(uapi):
    found = {}
    for name in ("virtio_net", "virtio_config", "virtio_ring"):
        with open(f"{uapi}/linux/{name}.h", encoding="ascii") as f:
            for key, value in re.findall(r"^#define (VIRTIO_\w+)\s+(\w+)",
                                         f.read(), re.M):
                try:
                    found[key] = int(value, 0)
                except ValueError:
                    pass
    return found


def check_borrowed(spec, numbers):
    kinds = {"status": ["VIRTIO_CONFIG_S_"],
             "feature": ["VIRTIO_NET_F_", "VIRTIO_RING_F_", "VIRTIO_F_"]}
    for d in spec["definitions"]:
        if "header" not in d:
            continue
        bit = -1
        for entry in d["entries"]:
            bit = entry.get("value", bit + 1)
            word = entry["name"].upper().replace("-", "_")
            known = [numbers[p + word] for p in kinds[d["name"]]
                     if p + word in numbers]
            # Status is by mask there. Older kernels lack some features.
            want = 1 << bit if d["name"] == "status" else bit
            if known and known[0] != want:
                wrong(f"{d['name']} {entry['name']} is {want}, "
                      f"{known[0]} in the kernel")


# The policies.

class Code:
    """What can be read out of the module's C."""

    def __init__(self, tree):
        with open(f"{tree}/netlink.c", encoding="ascii") as f:
            self.text = f.read().replace("\\\n", " ")
        self.values = dict(KERNEL)
        self.words = {}
        for name in ("hvisor_vnet_netlink.h", "hvisor_vnet.h", "mmio.h",
                     "netlink.c"):
            with open(f"{tree}/{name}", encoding="ascii") as f:
                text = f.read().replace("\\\n", " ")
            for key, value in re.findall(r"^#define (\w+)[ \t]+([^/\n]+)",
                                         text, re.M):
                self.words[key] = value.strip()

    def number(self, word):
        word = word.strip()
        if word in self.values:
            return self.values[word]
        if word in self.words:
            return self.number(self.words[word])
        return int(word, 0)

    def ranges(self, name):
        body = re.search(r"netlink_range_validation %s = \{(.*?)\}" % name,
                         self.text, re.S).group(1)
        low = re.search(r"\.min = (\w+)", body)
        high = re.search(r"\.max = (\w+)", body)
        return (self.number(low.group(1)) if low else None,
                self.number(high.group(1)) if high else None)

    def table(self, name):
        """The attributes of a policy, each as (type, checks, nest)."""
        match = re.search(r"hvnet_nl_%s\[[^]]*\] = \{(.*?)\n\};" % name,
                          self.text, re.S)
        if not match:
            return None
        return {attr: self.policy(value) for attr, value in
                re.findall(r"\[(\w+)\] = (.*?),?\n(?=\t\[|$)",
                           match.group(1) + "\n", re.S)}

    def policy(self, text):
        text = " ".join(text.split()).rstrip(",")
        text = self.words.get(text, text)
        kind, args = re.match(r"(?:NLA_POLICY_)?(\w*)\s*[({](.*)[)}]$",
                              text).groups()
        args = [a.strip() for a in args.split(",")]
        if kind == "NESTED":
            return ("NESTED", {}, args[0].replace("hvnet_nl_", ""))
        if kind == "EXACT_LEN":
            return ("BINARY", {"exact-len": self.number(args[0])}, None)
        if kind:
            return (args[0][4:], self.checks(kind, args[1:]), None)
        fields = dict(a.lstrip(".").split(" = ") for a in args)
        checks = {}
        if "len" in fields:
            checks["max-len"] = self.number(fields["len"])
        return (fields["type"][4:], checks, None)

    def checks(self, kind, args):
        if kind == "FULL_RANGE":
            low, high = self.ranges(args[0].strip(" &"))
        elif kind == "RANGE":
            low, high = map(self.number, args)
        elif kind == "MIN":
            low, high = self.number(args[0]), None
        else:
            low, high = None, self.number(args[0])
        found = {"min": low, "max": high}
        return {k: v for k, v in found.items() if v is not None}

    def operations(self):
        """Each request's number, whether it dumps, and who may ask it."""
        body = self.text[self.text.index("hvnet_nl_ops[] = {"):]
        body = body[:body.index("\n};")]
        found = {}
        for cmd, name, rest in re.findall(
                r"HVNET_NL_OP\((\w+), (\w+)\)(.*?)\},", body, re.S):
            found[name] = (c_name("cmd", cmd), ".dumpit" in rest,
                           "GENL_ADMIN_PERM" in rest)
        return found


def spec_policy(attr, consts):
    kinds = {"string": "NUL_STRING", "nest": "NESTED", "binary": "BINARY"}
    checks = {}
    for key, value in attr.get("checks", {}).items():
        value = LIMITS.get(value, value)
        checks[key] = consts.get(value, value)
    return (kinds.get(attr["type"], attr["type"].upper()), checks,
            attr.get("nested-attributes"))


def check_table(what, code, wanted):
    table = code.table(what)
    if table is None:
        wrong(f"netlink.c has no policy {what}")
        return
    compare(f"policy of {what}", wanted, table)


def check_policies(spec, code):
    consts = {d["name"]: d["value"] for d in spec["definitions"]
              if d["type"] == "const"}
    sets = {s["name"]: {a["name"]: a for a in s["attributes"]}
            for s in spec["attribute-sets"]}
    nests = set()
    operations = code.operations()
    wanted_ops = {}
    for op in spec["operations"]["list"]:
        if "do" not in op:
            continue
        name = op["name"].replace("-", "_")
        wanted_ops[name] = (c_name("cmd", op["name"]), "dump" in op,
                            "admin-perm" in op.get("flags", []))
        asked = set(op["do"]["request"]["attributes"])
        asked |= set(op.get("dump", {}).get("request", {})
                     .get("attributes", []))
        attrs = sets[op["attribute-set"]]
        nests |= {attrs[a].get("nested-attributes") for a in asked}
        check_table(name, code, {
            c_name("a", op["attribute-set"], a): spec_policy(attrs[a], consts)
            for a in asked})
    compare("requests", wanted_ops, operations)
    for nest in nests - {None}:
        check_table(nest.replace("-", "_"), code, {
            c_name("a", nest, a): spec_policy(attr, consts)
            for a, attr in sets[nest].items() if attr["type"] != "pad"})


def check_used(spec, tree):
    """What is specified is also done."""
    text = ""
    for name in ("netlink.c", "counters.c", "hvisor_vnet.c", "daemon.c"):
        with open(f"{tree}/{name}", encoding="ascii") as f:
            text += f.read()
    for name in spec_enums(spec):
        short = re.sub(r"HVISOR_VNET_(CMD|A_HV_COUNTERS|A_COUNTERS)_", "", name)
        if not re.search(r"(\b%s|(OP|COUNTER)\(%s)\b" % (name, short), text):
            wrong(f"{name} is specified, but the module does not know it")


def main():
    tree, uapi = sys.argv[1:3]
    path = f"{tree}/Documentation/netlink/specs/hvisor_vnet.yaml"
    with open(path, encoding="ascii") as f:
        spec = yaml.safe_load(f)
    with open(f"{tree}/hvisor_vnet_netlink.h", encoding="ascii") as f:
        header = f.read()
    code = Code(tree)

    compare("header", spec_enums(spec), header_enums(header))
    compare("header", spec_defines(spec), header_defines(header))
    check_borrowed(spec, kernel_numbers(uapi))
    check_policies(spec, code)
    check_used(spec, tree)
    for text in errors:
        print(text)
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
