// The pod's shim: one loop over its sockets, its children and their output.
//
// A process goes: spawned -> entered ("X": about to exec) -> started -> ended.
// Started and ended are written into the container's directory before anyone
// is told, so that an agent that was away loses nothing:
//
//	started   "<pid> <nanoseconds>"
//	exit      "<code> <nanoseconds> <text>", text only when the start failed
#include "helper.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { FD_PLAN = 3, FD_LISTEN = 4, FD_AGENT = 5, MAX_CONNS = 16 };

struct process *processes;
static int conns[MAX_CONNS], nconns;

void close_fd(int *fd) {
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

struct process *process_find(const char *id, uint32_t exec) {
	for (struct process *p = processes; p; p = p->next)
		if (p->exec == exec && (exec || !strcmp(p->id, id)))
			return p;
	return NULL;
}

// drop closes a connection. An agent that comes again reads what it missed
// from the files.
static void drop(int conn) {
	for (int i = 0; i < nconns; i++)
		if (conns[i] == conn)
			conns[i] = conns[--nconns];
	for (struct process *p = processes; p; p = p->next)
		if (p->conn == conn)
			p->conn = -1;
	close(conn);
}

void reply(int conn, uint32_t seq, int64_t a, int64_t b, const char *error, const int *fds, int nfds) {
	struct msg m = {.type = MSG_REPLY, .seq = seq, .a = a, .b = b};
	if (conn < 0)
		return;
	if (error)
		snprintf(m.text, sizeof m.text, "%s", error);
	if (msg_send(conn, &m, fds, nfds) < 0)
		drop(conn);
}

void broadcast(const struct msg *m) {
	for (int i = nconns - 1; i >= 0; i--)
		if (msg_send(conns[i], m, NULL, 0) < 0)
			drop(conns[i]);
}

static void record(int dir, const char *name, const char *text) {
	int fd = openat(dir, "next", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	size_t n = strlen(text);
	int ok = write(fd, text, n) == (ssize_t)n;
	close(fd);
	if (ok)
		renameat(dir, "next", dir, name);
}

static void forget(struct process *p) {
	for (struct process **at = &processes; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	close_fd(&p->pidfd);
	close_fd(&p->sync);
	close_fd(&p->dir);
	close_fd(&p->stdin);
	close_fd(&p->master);
	stream_close(&p->out, p->log);
	stream_close(&p->err, p->log);
	close_fd(&p->log);
	free(p);
}

static void began(struct process *p) {
	char text[64];
	p->started_at = now_ns();
	if (p->exec) {
		reply(p->conn, p->seq, p->pid, p->exec, NULL, &p->master, p->master >= 0);
		close_fd(&p->master);
		return;
	}
	if (p->master >= 0) {
		fcntl(p->master, F_SETFL, O_NONBLOCK);
		p->out.fd = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
	}
	snprintf(text, sizeof text, "%d %lld", p->pid, (long long)p->started_at);
	record(p->dir, "started", text);
	reply(p->conn, p->seq, p->pid, p->started_at, NULL, NULL, 0);
}

// refused tells why a process did not start: who asked, or, if he is gone, who
// came after him and found it in its set-up.
static void refused(struct process *p, const char *why) {
	char text[MAX_TEXT + 64];
	struct msg m = {.type = MSG_EXIT, .a = 128, .c = now_ns()};
	snprintf(text, sizeof text, "128 %lld %s", (long long)m.c, why);
	if (!p->exec)
		record(p->dir, "exit", text);
	reply(p->conn, p->seq, 0, 0, why, NULL, 0);
	if (!p->exec && p->conn < 0) {
		memcpy(m.id, p->id, ID_SIZE);
		broadcast(&m);
	}
}

static void take_master(struct process *p, struct msghdr *h) {
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return;
	close_fd(&p->master);
	memcpy(&p->master, CMSG_DATA(c), sizeof(int));
}

// settle reads what a child in its set-up says; its end is the start.
static void settle(struct process *p) {
	while (p->sync >= 0) {
		char text[MAX_TEXT] = "", control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = {text, sizeof text - 1};
		struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
		ssize_t n = recvmsg(p->sync, &h, MSG_CMSG_CLOEXEC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n > 0 && text[0] == 'T') {
			take_master(p, &h);
		} else if (n > 0 && text[0] == 'X') {
			p->entered = 1;
		} else {
			p->started = n <= 0 && p->entered;
			close_fd(&p->sync);
			if (p->started)
				began(p);
			else
				refused(p, n > 0 ? text + 1 : "the process ended during its set-up");
		}
	}
}

static void ended(struct process *p, int code) {
	settle(p);
	if (p->started && p->exec) {
		struct msg m = {.type = MSG_EXEC_EXIT, .seq = p->seq, .a = code, .b = p->exec, .c = now_ns()};
		if (p->conn >= 0 && msg_send(p->conn, &m, NULL, 0) < 0)
			drop(p->conn);
	} else if (p->started) {
		char text[64];
		struct msg m = {.type = MSG_EXIT, .a = code, .c = now_ns()};
		memcpy(m.id, p->id, ID_SIZE);
		stream_drain(&p->out, p->log);
		stream_drain(&p->err, p->log);
		snprintf(text, sizeof text, "%d %lld", code, (long long)m.c);
		record(p->dir, "exit", text);
		broadcast(&m);
	}
	forget(p);
}

static void reap(void) {
	siginfo_t info;
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
			return;
		struct process *p = processes;
		while (p && p->pid != info.si_pid)
			p = p->next;
		if (p) // else an orphan of a container that shares a PID namespace
			ended(p, info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
	}
}

static void attach(int conn, const struct msg *m, struct process *p, int *fds, int nfds) {
	int in = p->master >= 0 ? p->master : p->stdin;
	for (int i = 0; i < nfds && i < 2; i++) {
		stream_attach(i ? &p->err : &p->out, fds[i]);
		fds[i] = -1;
	}
	reply(conn, m->seq, p->master >= 0, 0, NULL, &in, in >= 0);
}

static void give_socket(int conn, const struct msg *m) {
	int s = socket(m->a, m->b | SOCK_CLOEXEC, 0);
	reply(conn, m->seq, 0, 0, s < 0 ? strerror(errno) : NULL, &s, s >= 0);
	close_fd(&s);
}

// handle does one request; those that name a process that is gone say so.
static void handle(int conn, const struct msg *m, int *fds, int nfds) {
	struct process *p = m->id[0] || m->b ? process_find(m->id, m->type == MSG_KILL_EXEC ? m->b : 0) : NULL;
	const char *error = NULL;
	switch (m->type) {
	case MSG_START:
	case MSG_EXEC:
		spawn(conn, m, fds, nfds);
		return;
	case MSG_SOCKET:
		give_socket(conn, m);
		return;
	case MSG_QUIT:
		reply(conn, m->seq, 0, 0, NULL, NULL, 0);
		_exit(0);
	}
	if (!p || (!p->started && p->sync < 0)) { // the latter has failed to start, and is about to be reaped
		reply(conn, m->seq, 0, 0, "not found", NULL, 0);
		return;
	}
	switch (m->type) {
	case MSG_KILL: // the child is not reaped yet: the pid is its own
		if (kill(p->pid, m->a) < 0)
			error = strerror(errno);
		break;
	case MSG_KILL_EXEC:
		kill(-p->pid, m->a);
		kill(p->pid, m->a);
		break;
	case MSG_REOPEN:
		if (nfds == 1) {
			close_fd(&p->log);
			p->log = fds[0];
			fds[0] = -1;
		}
		break;
	case MSG_CLOSE_STDIN:
		close_fd(&p->stdin);
		break;
	case MSG_ATTACH:
		attach(conn, m, p, fds, nfds);
		return;
	}
	reply(conn, m->seq, p->pid, p->started_at, error, NULL, 0);
}

// connected guards against a number that was closed and given out again.
static int connected(int conn) {
	for (int i = 0; i < nconns; i++)
		if (conns[i] == conn)
			return 1;
	return 0;
}

static void serve(int conn) {
	static struct msg m;
	int fds[MAX_FDS], nfds;
	int got = msg_recv(conn, &m, fds, &nfds);
	if (got == 1)
		handle(conn, &m, fds, nfds);
	else if (got != 2)
		drop(conn);
	for (int i = 0; i < nfds; i++)
		close_fd(&fds[i]);
}

// hear does what was asked before somebody new came: an agent that asks what runs
// must not be answered before the last wishes of the one before it are done.
static void hear(void) {
	for (int i = 0, left = 1000; i < nconns; i++) {
		struct pollfd p = {conns[i], POLLIN, 0};
		int conn = conns[i];
		while (left-- > 0 && poll(&p, 1, 0) == 1 && connected(conn))
			serve(conn);
		if (!connected(conn))
			i--; // another took its place
	}
}

static void welcome(int listener) {
	hear();
	int c = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (c < 0)
		return;
	if (nconns == MAX_CONNS)
		close(c);
	else
		conns[nconns++] = c;
}

static struct pollfd *watch(struct pollfd *list, int *n, int fd, short events) {
	if (fd >= 0)
		list[(*n)++] = (struct pollfd){fd, events, 0};
	return list;
}

// watch_stream waits for the source, or for those who have not taken it.
static int watch_stream(struct pollfd *list, int *n, struct stream *s) {
	if (stream_push(s)) {
		watch(list, n, s->fd, POLLIN);
		return 0;
	}
	for (struct attacher *a = s->attached; a; a = a->next)
		if (a->held)
			watch(list, n, a->fd, POLLOUT);
	return 1;
}

static int count(void) {
	int n = MAX_CONNS + 2;
	for (struct process *p = processes; p; p = p->next) {
		n += 3;
		for (struct attacher *a = p->out.attached; a; a = a->next)
			n++;
		for (struct attacher *a = p->err.attached; a; a = a->next)
			n++;
	}
	return n;
}

static void pump(struct stream *s, int log, short ready) {
	if (ready & (POLLIN | POLLHUP | POLLERR))
		stream_read(s, log);
}

static short ready(const struct pollfd *list, int n, int fd) {
	for (int i = 0; fd >= 0 && i < n; i++)
		if (list[i].fd == fd)
			return list[i].revents;
	return 0;
}

static void loop(int listener, int signals) {
	for (;;) {
		struct pollfd list[count()];
		int n = 0, slow = 0, conn[MAX_CONNS], nc = nconns;
		watch(watch(list, &n, signals, POLLIN), &n, listener, POLLIN);
		for (int i = 0; i < nc; i++)
			watch(list, &n, conn[i] = conns[i], POLLIN);
		for (struct process *p = processes; p; p = p->next) {
			watch(list, &n, p->sync, POLLIN);
			slow |= watch_stream(list, &n, &p->out);
			slow |= watch_stream(list, &n, &p->err);
		}
		if (poll(list, n, slow ? 1000 : -1) < 0)
			continue;
		for (struct process *p = processes; p; p = p->next) {
			if (ready(list, n, p->sync))
				settle(p);
			pump(&p->out, p->log, ready(list, n, p->out.fd));
			pump(&p->err, p->log, ready(list, n, p->err.fd));
		}
		if (list[0].revents) {
			struct signalfd_siginfo info;
			(void)!read(signals, &info, sizeof info);
			reap();
		}
		for (int i = 0; i < nc; i++)
			if (ready(list, n, conn[i]) && connected(conn[i]))
				serve(conn[i]);
		if (list[1].revents)
			welcome(listener);
	}
}

int main(void) {
	struct plan p = {0};
	sigset_t set;
	prctl(PR_SET_NAME, "minke-pod");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_DUMPABLE, 0);
	for (int fd = FD_PLAN; fd <= FD_AGENT; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	syscall(SYS_close_range, FD_AGENT + 1, ~0U, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);
	fail_fd = FD_AGENT;
	if (chdir("/") < 0 || signals < 0 || plan_read(FD_PLAN, &p) < 0)
		fail("plan: not readable");
	sandbox_setup(&p);
	close(FD_PLAN);
	conns[nconns++] = FD_AGENT;
	if (write(FD_AGENT, "R", 1) != 1)
		return 1;
	loop(FD_LISTEN, signals);
}
