// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a program on a terminal of its own, 24 lines of 80 columns, and copies what
 * appears there to standard output:
 *
 *	onterm PROGRAM ARGUMENT...
 */
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };
	char buf[4096];
	int fd, status;
	ssize_t n;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = forkpty(&fd, NULL, NULL, &size);
	if (pid < 0) {
		perror("onterm");
		return 1;
	}
	if (!pid) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	/* Until nobody has the other end. */
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, n) != n)
			return 1;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}
