// The toolbox's programs that wait or do nothing, without a language runtime:
// a pod that only sleeps should cost next to nothing. Which one it is, its
// name says.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// As a container's first process a program without a handler would not even
// see the signal.
static void end(int sig) { _exit(128 + sig); }

static double seconds(const char *text) {
	char *unit;
	double n = strtod(text, &unit);
	switch (*unit) {
	case 'm': return n * 60;
	case 'h': return n * 3600;
	case 'd': return n * 86400;
	case 0: case 's': return n;
	}
	fprintf(stderr, "sleep: invalid number '%s'\n", text);
	_exit(1);
}

int main(int argc, char **argv) {
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	if (!strcmp(name, "true"))
		return 0;
	if (!strcmp(name, "false"))
		return 1;
	signal(SIGTERM, end);
	signal(SIGINT, end);
	if (!strcmp(name, "pause"))
		for (;;)
			pause();
	double sum = 0;
	for (int i = 1; i < argc; i++)
		sum += strcmp(argv[i], "infinity") && strcmp(argv[i], "inf") ? seconds(argv[i]) : 1e9;
	if (argc < 2) {
		fprintf(stderr, "sleep: missing operand\n");
		return 1;
	}
	struct timespec t = {(time_t)sum, (long)((sum - (time_t)sum) * 1e9)};
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
	return 0;
}
