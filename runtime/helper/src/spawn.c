// Starting processes.
#include "helper.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

int setns(int, int);

static int own_pidns = -1;

// into_pidns makes the next child a member of the PID namespace of pidfd.
static int into_pidns(int pidfd) {
	if (own_pidns < 0)
		own_pidns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	return own_pidns < 0 ? -1 : setns(pidfd, CLONE_NEWPID);
}

static pid_t birth(struct process *p, int join, uint64_t flags, int cgroup) {
	struct clone_args args = {.flags = flags | CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uintptr_t)&p->pidfd};
	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = cgroup;
	}
	if (join >= 0 && into_pidns(join) < 0)
		return -1;
	pid_t pid = syscall(SYS_clone3, &args, sizeof args);
	int err = errno;
	if (pid != 0 && join >= 0 && setns(own_pidns, CLONE_NEWPID) < 0)
		_exit(125); // it would put what follows into a foreign namespace
	errno = err;
	return pid;
}

struct pipes {
	int in[2], out[2], err[2], sync[2];
};

static int open_pipes(struct pipes *io, uint64_t flags, int own_streams) {
	memset(io, -1, sizeof *io);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, io->sync) < 0)
		return -1;
	if (!own_streams || flags & START_TTY)
		return 0;
	if (flags & START_STDIN && pipe2(io->in, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(io->out, O_CLOEXEC) < 0 || pipe2(io->err, O_CLOEXEC) < 0)
		return -1;
	fcntl(io->out[0], F_SETFL, O_NONBLOCK);
	fcntl(io->err[0], F_SETFL, O_NONBLOCK);
	return 0;
}

static void close_pipes(struct pipes *io) {
	int *fd = (int *)io;
	for (size_t i = 0; i < sizeof *io / sizeof(int); i++)
		close_fd(&fd[i]);
}

static struct process *new_process(int conn, const struct msg *m) {
	static uint32_t execs;
	struct process *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	memcpy(p->id, m->id, ID_SIZE);
	p->exec = m->type == MSG_EXEC ? ++execs : 0;
	p->conn = conn;
	p->seq = m->seq;
	p->flags = m->a;
	p->pidfd = p->sync = p->dir = p->log = p->stdin = p->master = p->out.fd = p->err.fd = -1;
	p->out.name = "stdout";
	p->err.name = "stderr";
	return p;
}

// pid_namespace says which namespace the child is born in: a descriptor to
// join, or CLONE_NEWPID in *flags, or an error text.
static const char *pid_namespace(const struct process *p, const struct msg *m, int *join, uint64_t *flags) {
	*join = -1;
	*flags = 0;
	if (m->type == MSG_EXEC || p->flags & START_PID_TARGET) {
		struct process *target = process_find(m->type == MSG_EXEC ? m->id : m->ref, 0);
		if (!target || !target->started)
			return "container is not running";
		*join = target->pidfd;
	} else if (p->flags & START_PID_POD) {
		*join = pause_pidfd;
	} else if (!(p->flags & START_PID_HOST)) {
		*flags = CLONE_NEWPID;
	}
	return NULL;
}

// Descriptors of MSG_START: plan, directory, [log], [cgroup]; of MSG_EXEC:
// plan, [cgroup], and without a terminal stdin, stdout, stderr.
static const char *take(struct process *p, int is_exec, int *fds, int nfds, struct child *c, int *cgroup) {
	int at = 0;
	int want = is_exec ? 1 + (p->flags & START_TTY ? 0 : 3) : 2 + !!(p->flags & START_LOG);
	want += !!(p->flags & START_INTO_CGROUP);
	if (nfds != want)
		return "wrong number of descriptors";
	c->plan = fds[at++];
	if (!is_exec) {
		p->dir = fds[at];
		fds[at++] = -1;
		if (p->flags & START_LOG) {
			p->log = fds[at];
			fds[at++] = -1;
		}
	}
	*cgroup = p->flags & START_INTO_CGROUP ? fds[at++] : -1;
	if (is_exec && !(p->flags & START_TTY)) {
		c->in = fds[at];
		c->out = fds[at + 1];
		c->err = fds[at + 2];
	}
	return NULL;
}

static void discard(struct process *p) {
	close_fd(&p->dir);
	close_fd(&p->log);
	free(p);
}

static void adopt(struct process *p, struct pipes *io, pid_t pid) {
	p->pid = pid;
	p->sync = io->sync[0];
	p->stdin = io->in[1];
	p->out.fd = io->out[0];
	p->err.fd = io->err[0];
	io->sync[0] = io->in[1] = io->out[0] = io->err[0] = -1;
	fcntl(p->sync, F_SETFL, O_NONBLOCK);
	p->next = processes;
	processes = p;
}

void spawn(int conn, const struct msg *m, int *fds, int nfds) {
	struct process *p = new_process(conn, m);
	struct child c = {.plan = -1, .in = -1, .out = -1, .err = -1, .pidfd = -1};
	struct pipes io;
	int join, cgroup, is_exec = m->type == MSG_EXEC;
	uint64_t flags;
	const char *wrong = p ? take(p, is_exec, fds, nfds, &c, &cgroup) : "out of memory";

	if (!wrong && !is_exec && process_find(m->id, 0))
		wrong = "container is started already";
	if (!wrong)
		wrong = pid_namespace(p, m, &join, &flags);
	if (!wrong && open_pipes(&io, p->flags, !is_exec) < 0) {
		close_pipes(&io);
		wrong = strerror(errno);
	}
	if (wrong) {
		reply(conn, m->seq, 0, 0, wrong, NULL, 0);
		if (p)
			discard(p);
		return;
	}
	pid_t pid = birth(p, join, flags, cgroup);
	if (pid == 0) {
		c.flags = p->flags;
		c.sync = io.sync[1];
		if (is_exec) {
			c.pidfd = process_find(m->id, 0)->pidfd;
			exec_run(&c);
		}
		c.in = io.in[0];
		c.out = io.out[1];
		c.err = io.err[1];
		init_run(&c);
	}
	if (pid < 0) {
		reply(conn, m->seq, 0, 0, strerror(errno), NULL, 0);
		discard(p);
	} else {
		adopt(p, &io, pid);
	}
	close_pipes(&io);
}
