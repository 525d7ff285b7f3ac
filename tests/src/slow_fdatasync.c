/* A slow disk for the server under test: loaded before the C library, it delays every fdatasync by the number of
   microseconds in SLOW_FDATASYNC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int file) {
	static int (*next)(int);
	const char *delay = getenv("SLOW_FDATASYNC");
	if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	if (delay) usleep((useconds_t)strtoul(delay, NULL, 10));
	return next(file);
}
