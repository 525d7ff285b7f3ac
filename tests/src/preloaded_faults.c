/* Faults for the program under test: loaded before the C library, it reads from files in the directory PRELOADED_FAULTS what
   is wrong at this moment. A fault without a file is not active.

     sync-delay    each fdatasync takes this many milliseconds longer; a delay that is taken back ends at once
     full-disk     if it is not 0, no file can be created in the ledger: what is preallocated can still be written, as on a
                   real full disk
     clock-shift   the wall clock is this many seconds ahead; behind, if the number is negative
     used-stack    if it is not 0, threads that ask for the end of their stack are told that it is near */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long fault(const char *name) {
	char path[4096], text[32] = "";
	const char *directory = getenv("PRELOADED_FAULTS");
	if (!directory || snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return 0;
	int saved = errno;
	static int (*open_file)(const char *, int, ...);
	if (!open_file) open_file = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
	int file = open_file(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
		close(file);
	}
	errno = saved;
	return strtol(text, NULL, 10);
}

int fdatasync(int file) {
	static int (*next)(int);
	if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	for (long waited = 0; waited < fault("sync-delay"); waited += 10) usleep(10000);
	return next(file);
}

int open64(const char *path, int flags, ...) {
	static int (*next)(const char *, int, ...);
	if (!next) next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	if (flags & O_CREAT && strstr(path, "/ledger/") && fault("full-disk")) {
		errno = ENOSPC;
		return -1;
	}
	return next(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
	static int (*next)(clockid_t, struct timespec *);
	if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int result = next(clock, time);
	if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += fault("clock-shift");
	return result;
}

/* A thread whose stack is nearly used up: what asks for the end of the stack is told that it is 64 KiB away. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
	static int (*next)(pthread_t, pthread_attr_t *);
	if (!next) next = (int (*)(pthread_t, pthread_attr_t *))dlsym(RTLD_NEXT, "pthread_getattr_np");
	int result = next(thread, attributes);
	void *low;
	size_t size;
	if (result == 0 && fault("used-stack") && pthread_attr_getstack(attributes, &low, &size) == 0) {
		char here, *near = &here - 65536, *high = (char *)low + size;
		if (near > (char *)low && near < high)
			result = pthread_attr_setstack(attributes, near, (size_t)(high - near));
	}
	return result;
}
