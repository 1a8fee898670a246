/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zones, devices and the hypervisor as JSON, alike in all commands that print
 * them.
 */
#ifndef HVNET_PRINT_H
#define HVNET_PRINT_H

#include <jansson.h>

#include "vnet.h"

json_t *json_of_zone(const struct vnet_zone *z);
json_t *json_of_dev(const struct vnet_dev *d);
json_t *json_of_counters(const __u64 *counter, const char * const *name,
			 size_t n);
int print_json(json_t *j, bool in_a_line);

#endif /* HVNET_PRINT_H */
