// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device has and can be asked to have, in words: on the command line, in
 * files and in what is shown.
 */
#include <stdio.h>

#include "hvnet.h"

const char * const vnet_key_name[KEYS] = {
	[KEY_ZONE] = "zone",
	[KEY_ADDR] = "addr",
	[KEY_LEN] = "len",
	[KEY_IRQ] = "irq",
	[KEY_NAME] = "name",
	[KEY_MAC] = "mac",
	[KEY_MTU] = "mtu",
	[KEY_QUEUE] = "queue",
	[KEY_FEATURES] = "features",
	[KEY_CPU] = "cpu",
	[KEY_TX_USECS] = "tx-usecs",
	[KEY_TX_FRAMES] = "tx-frames",
	[KEY_RX_USECS] = "rx-usecs",
	[KEY_RX_FRAMES] = "rx-frames",
	[KEY_RX_ADAPTIVE] = "rx-adaptive",
};

/* The largest number that there is room for. */
__u64 vnet_key_max(enum vnet_key key)
{
	return key == KEY_ADDR || key == KEY_LEN || key == KEY_FEATURES ?
	       ~0ull : 0xffffffffu;
}

/* Six bytes with colons. Return: 0, or -1 if it is none. */
int vnet_mac(__u8 *mac, const char *text)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
		   &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6)
		return -1;
	return text[end] ? -1 : 0;
}
