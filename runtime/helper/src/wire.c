// What crosses between the agent and the helper: plans and messages.
#include "helper.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

// A plan is a sequence of records, little endian:
//   u16 op, u16 n, u32 size of the whole record, u64 a, u64 b, u64 c,
//   then n strings: u32 length, the bytes, a NUL.
struct head {
	uint16_t op, n;
	uint32_t size;
	uint64_t a, b, c;
} __attribute__((packed));

static int parse_strings(struct rec *r, char *at, char *end) {
	r->s = calloc(r->n + 1, sizeof *r->s);
	r->len = calloc(r->n + 1, sizeof *r->len);
	if (!r->s || !r->len)
		return -1;
	for (int i = 0; i < r->n; i++) {
		uint32_t len;
		if (end - at < 4)
			return -1;
		memcpy(&len, at, 4);
		at += 4;
		if ((size_t)(end - at) < (size_t)len + 1 || at[len] != 0)
			return -1;
		r->s[i] = at;
		r->len[i] = len;
		at += len + 1;
	}
	return 0;
}

// plan_read maps and parses the plan in fd. It is never freed: a child execs
// or ends, and the shim reads only its own.
int plan_read(int fd, struct plan *p) {
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size == 0)
		return -1;
	char *at = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	char *end = at + st.st_size;
	for (; at < end; p->n++) {
		struct head h;
		if ((size_t)(end - at) < sizeof h)
			return -1;
		memcpy(&h, at, sizeof h);
		if (h.size < sizeof h || h.size > (size_t)(end - at))
			return -1;
		if (p->n % 64 == 0) {
			p->recs = realloc(p->recs, (p->n + 64) * sizeof *p->recs);
			if (!p->recs)
				return -1;
		}
		struct rec *r = &p->recs[p->n];
		*r = (struct rec){.op = h.op, .n = h.n, .a = h.a, .b = h.b, .c = h.c};
		if (parse_strings(r, at + sizeof h, at + h.size) < 0)
			return -1;
		at += h.size;
	}
	return 0;
}

const struct rec *plan_find(const struct plan *p, int op) {
	for (int i = 0; i < p->n; i++)
		if (p->recs[i].op == op)
			return &p->recs[i];
	return NULL;
}

int msg_send(int sock, const struct msg *m, const int *fds, int nfds) {
	char control[CMSG_SPACE(sizeof(int) * MAX_FDS)] = {0};
	struct iovec iov = {(void *)m, MSG_HEAD + strnlen(m->text, MAX_TEXT - 1)};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	if (nfds > 0) {
		h.msg_control = control;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	ssize_t n;
	do
		n = sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

// msg_recv returns 1 for a message, 0 at the end, -1 on an error.
int msg_recv(int sock, struct msg *m, int *fds, int *nfds) {
	char control[CMSG_SPACE(sizeof(int) * MAX_FDS)];
	struct iovec iov = {m, sizeof *m - 1};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control};
	*nfds = 0;
	memset(m, 0, sizeof *m);
	ssize_t n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n <= 0)
		return n == 0 ? 0 : (errno == EAGAIN || errno == EINTR ? 2 : -1);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*nfds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *nfds * sizeof(int));
	}
	m->id[ID_SIZE - 1] = m->ref[ID_SIZE - 1] = 0;
	return (size_t)n < MSG_HEAD ? -1 : 1;
}
