// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which zones run, by hvisor's own account: through /dev/hvisor, as "hvisor zone
 * list" asks.  A device's status tells less: a zone that ended by itself leaves
 * it as it was.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hvnet.h"

#define MAX_ENTRY	128
#define UNTOUCHED	0xa5

struct zone_list_args {
	__u64 count;
	__u64 entries;
};

#define ZONE_LIST	_IOR(1, 5, struct zone_list_args *)

/*
 * How long an entry is differs between versions of hvisor-tool, but not that it
 * begins with the id: seen by how much was written.
 */
static int read_ids(const unsigned char *list, size_t size, int n, __u32 *ids)
{
	size_t entry;
	int i;

	while (size && list[size - 1] == UNTOUCHED)
		size--;
	entry = size / n;
	if (entry < sizeof(*ids) || size % n)
		return -1;
	for (i = 0; i < n; i++)
		memcpy(&ids[i], list + i * entry, sizeof(*ids));
	return n;
}

/*
 * The ids of zones that run, into @ids, which has room for MAX_ZONES. Return: how
 * many, root's included; or -1 if nobody can tell.
 */
int zones_running(__u32 *ids)
{
	unsigned char list[MAX_ZONES * MAX_ENTRY];
	struct zone_list_args args = { MAX_ZONES, (unsigned long)list };
	int fd = open(HVISOR_NODE, O_RDWR | O_CLOEXEC), n;

	if (fd < 0)
		return -1;
	memset(list, UNTOUCHED, sizeof(list));
	n = ioctl(fd, ZONE_LIST, &args);
	close(fd);
	/* Root is among them, always. */
	if (n < 1 || n > MAX_ZONES)
		return -1;
	return read_ids(list, sizeof(list), n, ids);
}
