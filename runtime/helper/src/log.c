// Output of containers: lines into the log in CRI's format, and copies to
// those who are attached.
//
//	2026-11-21T02:54:43.123456789Z stdout F the text of a line
//
// F marks the end of a line, P a piece of a line longer than 16 KiB.
#include "helper.h"
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

enum { CHUNK = 16384, PREFIX = 48 };
static const int64_t patience = 10000000000; // ns an attacher may stop the container's output

int64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int prefix(char *to, const char *stream, char tag) {
	struct timespec t;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	return snprintf(to, PREFIX, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ %s %c ",
		tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		t.tv_nsec, stream, tag);
}

// write_line appends one record with one call, so that records never mix.
static void write_line(struct stream *s, int log_fd, char tag, const char *a, size_t na, const char *b, size_t nb) {
	if (log_fd < 0)
		return;
	char head[PREFIX];
	struct iovec v[4] = {{head, prefix(head, s->name, tag)}, {(void *)a, na}, {(void *)b, nb}, {"\n", 1}};
	ssize_t n;
	do
		n = writev(log_fd, v, 4);
	while (n < 0 && errno == EINTR);
}

static void flush_partial(struct stream *s, int log_fd) {
	if (s->used)
		write_line(s, log_fd, 'P', s->line, s->used, NULL, 0);
	s->used = 0;
	free(s->line);
	s->line = NULL;
}

static void log_bytes(struct stream *s, int log_fd, const char *data, size_t n) {
	while (n > 0) {
		size_t room = CHUNK - s->used, take = n < room ? n : room;
		const char *end = memchr(data, '\n', take);
		if (end) {
			write_line(s, log_fd, 'F', s->line, s->used, data, end - data);
			s->used = 0;
			n -= end - data + 1;
			data = end + 1;
			continue;
		}
		if (take == room && n > take) {
			// A newline that follows makes an empty F record, which ends the line.
			write_line(s, log_fd, 'P', s->line, s->used, data, take);
			s->used = 0;
			data += take;
			n -= take;
			continue;
		}
		if (!s->line && !(s->line = malloc(CHUNK)))
			return;
		memcpy(s->line + s->used, data, take);
		s->used += take;
		data += take;
		n -= take;
		if (s->used == CHUNK)
			flush_partial(s, log_fd);
	}
	if (s->used == 0 && s->line) {
		free(s->line);
		s->line = NULL;
	}
}

static void attacher_drop(struct attacher **at) {
	struct attacher *a = *at;
	*at = a->next;
	close(a->fd);
	free(a->held);
	free(a);
}

// attacher_give writes what it can; -1 when the reader is gone or too slow.
static int attacher_give(struct attacher *a, const char *data, size_t n) {
	ssize_t done = write(a->fd, data, n);
	if (done < 0 && errno != EAGAIN && errno != EINTR)
		return -1;
	if (done < 0)
		done = 0;
	if (a->held) {
		a->done += done;
		if (done > 0)
			a->since = now_ns();
		if (a->done == a->size) {
			free(a->held);
			a->held = NULL;
		}
		return a->held && now_ns() - a->since > patience ? -1 : 0;
	}
	if ((size_t)done == n)
		return 0;
	if (!(a->held = malloc(n - done)))
		return -1;
	memcpy(a->held, data + done, n - done);
	a->size = n - done;
	a->done = 0;
	a->since = now_ns();
	return 0;
}

// stream_push offers the held bytes again; 1 when all attachers have all.
int stream_push(struct stream *s) {
	int waiting = 0;
	for (struct attacher **at = &s->attached; *at;) {
		struct attacher *a = *at;
		if (a->held && attacher_give(a, a->held + a->done, a->size - a->done) < 0) {
			attacher_drop(at);
			continue;
		}
		waiting |= a->held != NULL;
		at = &a->next;
	}
	return !waiting;
}

// stream_read moves one chunk; 0 at the end or when there is nothing.
int stream_read(struct stream *s, int log_fd) {
	static char chunk[CHUNK];
	if (s->fd < 0)
		return 0;
	ssize_t n = read(s->fd, chunk, sizeof chunk);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) { // a terminal's end is EIO
		stream_close(s, log_fd);
		return 0;
	}
	log_bytes(s, log_fd, chunk, n);
	for (struct attacher **at = &s->attached; *at;) {
		// One that still holds an earlier piece must not get a later one before
		// it; only a drain, which does not wait, comes here with such.
		if ((*at)->held || attacher_give(*at, chunk, n) < 0)
			attacher_drop(at);
		else
			at = &(*at)->next;
	}
	return 1;
}

// stream_drain reads what the ended container has left in the pipe. Attachers
// that do not take it at once lose it; the log does not. What others of the
// pod, in a shared PID namespace, go on writing into it has no end: no more is
// read than the pipe could hold when the container ended.
void stream_drain(struct stream *s, int log_fd) {
	int left = s->fd < 0 ? 0 : fcntl(s->fd, F_GETPIPE_SZ);
	if (left < CHUNK) // a terminal
		left = 64 * CHUNK;
	for (size_t reads = 0; reads < (size_t)left && s->fd >= 0; reads += CHUNK) {
		if (!stream_read(s, log_fd))
			break;
		stream_push(s);
	}
	stream_close(s, log_fd);
}

void stream_close(struct stream *s, int log_fd) {
	flush_partial(s, log_fd);
	while (s->attached)
		attacher_drop(&s->attached);
	close_fd(&s->fd);
}

void stream_attach(struct stream *s, int fd) {
	struct attacher *a = calloc(1, sizeof *a);
	if (!a || s->fd < 0) {
		free(a);
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	a->fd = fd;
	a->next = s->attached;
	s->attached = a;
}
