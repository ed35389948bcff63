#include "helper.h"
#include <stdarg.h>
#include <sys/socket.h>

int fail_fd = 2;

// fail tells why a set-up did not come about, as the agent shows it, and ends.
void fail(const char *format, ...) {
	char text[MAX_TEXT];
	text[0] = 'E';
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text + 1, sizeof text - 1, format, args);
	va_end(args);
	if (n > (int)sizeof text - 2)
		n = sizeof text - 2;
	if (write(fail_fd, text, n + 1) < 0)
		_exit(126);
	_exit(127);
}
