/* A slow disk for the server under test: loaded before the C library, it delays every fdatasync by the number of
   milliseconds in the file SLOW_FDATASYNC. A delay that becomes shorter while it lasts ends at once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long milliseconds(void) {
	long delay = 0;
	const char *name = getenv("SLOW_FDATASYNC");
	FILE *file = name ? fopen(name, "re") : NULL;
	if (!file) return 0;
	if (fscanf(file, "%ld", &delay) != 1) delay = 0;
	fclose(file);
	return delay;
}

int fdatasync(int file) {
	static int (*next)(int);
	if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	for (long waited = 0; waited < milliseconds(); waited += 10) usleep(10000);
	return next(file);
}
