// The two kinds of children: a container's first process, and a further one.
#include "helper.h"
#include <sched.h>
#include <sys/prctl.h>

static void begin(const struct child *c, struct plan *p) {
	fail_fd = c->sync;
	process_reset_signals();
	// What runs in the container must not look into this process.
	prctl(PR_SET_DUMPABLE, 0);
	if (setsid() < 0)
		fail("setsid: %s", strerror(errno));
	if (plan_read(c->plan, p) < 0)
		fail("plan: not readable");
	join_cgroups(p);
	process_limits(p);
}

static void streams(const struct child *c, int console) {
	if (c->flags & START_TTY) {
		process_terminal(c->sync, console);
		return;
	}
	// Without a stdin of its own it keeps the shim's, which is the host's
	// /dev/null: the container's may be anything.
	process_stdio(c->in < 0 ? 0 : c->in, c->out, c->err);
}

void init_run(const struct child *c) {
	struct plan p = {0};
	begin(c, &p);
	mounts_prepare(&p);
	if (unshare(CLONE_NEWNS | (c->flags & START_CGROUPNS ? CLONE_NEWCGROUP : 0)) < 0)
		fail("unshare: %s", strerror(errno));
	mounts_make(&p);
	streams(c, 1);
	process_become(&p);
}

void exec_run(const struct child *c) {
	struct plan p = {0};
	begin(c, &p);
	if (setns(c->pidfd, CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
		fail("enter the container: %s", strerror(errno));
	streams(c, 0);
	process_become(&p);
}
