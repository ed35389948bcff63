// How a child becomes the program that was asked for.
#include "helper.h"
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

// join_cgroups writes "0": the writing thread alone moves, which in cgroup v1's
// `tasks` spares the kernel's lock on all forks of the machine (many ms).
void join_cgroups(const struct plan *p) {
	for (int i = 0; i < p->n; i++) {
		if (p->recs[i].op != OP_CGROUP)
			continue;
		int fd = open(p->recs[i].s[0], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			fail("cgroup: join %s: %s", p->recs[i].s[0], strerror(errno));
		close(fd);
	}
}

void process_reset_signals(void) {
	sigset_t none;
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void process_stdio(int in, int out, int err) {
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		fail("standard streams: %s", strerror(errno));
}

static void send_master(int sync, int master) {
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {"T", 1};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &master, sizeof(int));
	if (sendmsg(sync, &h, MSG_NOSIGNAL) != 1)
		fail("terminal: hand over: %s", strerror(errno));
}

// process_terminal makes a terminal in the container's own /dev/pts and makes
// it the standard streams and the controlling terminal.
void process_terminal(int sync, int console) {
	int unlock = 0;
	struct stat st;
	struct statfs fs;
	// What the container has put there is looked at before it is opened.
	int found = open("/dev/ptmx", O_PATH | O_CLOEXEC);
	if (found < 0 || fstat(found, &st) < 0 || fstatfs(found, &fs) < 0)
		fail("terminal: open /dev/ptmx: %s", strerror(errno));
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_SUPER_MAGIC)
		fail("terminal: /dev/ptmx is not a terminals' file system's own");
	close(found);
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (master < 0 || fcntl(master, F_SETFL, 0) < 0 || fstat(master, &st) < 0 || st.st_rdev != makedev(5, 2) ||
	    ioctl(master, TIOCSPTLCK, &unlock) < 0)
		fail("terminal: open /dev/ptmx: %s", strerror(errno));
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		fail("terminal: %s", strerror(errno));
	if (console)
		mount_console(slave);
	send_master(sync, master);
	close(master);
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		fail("terminal: make it the controlling one: %s", strerror(errno));
	process_stdio(slave, slave, slave);
}

// process_limits sets what needs privileges and /proc of the host.
void process_limits(const struct plan *p) {
	for (int i = 0; i < p->n; i++) {
		const struct rec *r = &p->recs[i];
		if (r->op == OP_RLIMIT) {
			struct rlimit l = {r->b, r->c};
			if (setrlimit(r->a, &l) < 0)
				fail("rlimit %d: %s", (int)r->a, strerror(errno));
		} else if (r->op == OP_OOM_SCORE) {
			// Lowering it needs CAP_SYS_RESOURCE, which a nested host may
			// lack: the agent says so once, the container runs regardless.
			int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
			if (fd >= 0) {
				(void)!dprintf(fd, "%d", (int)(int64_t)r->a);
				close(fd);
			}
		}
	}
}

static void bound(uint64_t keep) {
	for (int c = 0; c < 64; c++)
		if (!(keep >> c & 1) && prctl(PR_CAPBSET_READ, c) == 1 && prctl(PR_CAPBSET_DROP, c) < 0)
			fail("capabilities: drop %d from the bounding set: %s", c, strerror(errno));
}

static void capabilities(uint64_t set, uint64_t inheritable) {
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {0}, now[2] = {0};
	if (syscall(SYS_capget, &h, now) < 0)
		fail("capabilities: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		// What the agent itself lacks cannot be given.
		uint32_t want = (uint32_t)(set >> (32 * i)) & now[i].permitted;
		d[i].effective = d[i].permitted = want;
		d[i].inheritable = (uint32_t)(inheritable >> (32 * i)) & want;
	}
	if (syscall(SYS_capset, &h, d) < 0)
		fail("capabilities: %s", strerror(errno));
}

static void identity(const struct plan *p, const struct rec *user) {
	gid_t *groups = calloc(p->n + 1, sizeof *groups);
	int n = 0;
	for (int i = 0; groups && i < p->n; i++)
		if (p->recs[i].op == OP_GROUP)
			groups[n++] = p->recs[i].a;
	if (!groups || setgroups(n, groups) < 0)
		fail("groups: %s", strerror(errno));
	uid_t uid = user ? user->a : 0;
	gid_t gid = user ? user->b : 0;
	for (int fd = 0; fd < 3; fd++) { // /dev/stdout can be opened again only by its owner
		struct stat st;
		if (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd)))
			(void)!fchown(fd, uid, st.st_gid);
	}
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		fail("user %d:%d: %s", (int)uid, (int)gid, strerror(errno));
}

static void seccomp(const struct plan *p) {
	const struct rec *r = plan_find(p, OP_SECCOMP);
	if (!r)
		return;
	struct sock_fprog prog = {r->len[0] / sizeof(struct sock_filter), NULL};
	if (r->len[0] / sizeof(struct sock_filter) > BPF_MAXINSNS || !(prog.filter = malloc(r->len[0])))
		fail("seccomp: a program of %u bytes does not fit", r->len[0]);
	memcpy(prog.filter, r->s[0], r->len[0]);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		fail("seccomp: %s", strerror(errno));
}

// only_ours closes all descriptors but the standard streams and the socket that
// a failure is told through. It comes before anything is looked up by a path of
// the pod's choice: a command or directory below /proc/self/fd would otherwise
// lead through a directory of the host (CVE-2024-21626), and a program of the
// host that runs in a container can be overwritten from there.
static void only_ours(void) {
	if (fail_fd != 3) {
		if (dup3(fail_fd, 3, O_CLOEXEC) < 0)
			fail("descriptors: %s", strerror(errno));
		fail_fd = 3;
	}
	if (syscall(SYS_close_range, 4, ~0U, 0) < 0)
		fail("close descriptors: %s", strerror(errno));
}

// workdir enters the working directory, and makes sure that it is inside the
// root: a leaked descriptor's directory has no path here (CVE-2024-21626).
static void workdir(const struct plan *p) {
	const struct rec *r = plan_find(p, OP_CWD);
	char path[4096];
	if (chdir(r ? r->s[0] : "/") < 0)
		fail("chdir to cwd (\"%s\") set in config.json failed: %s", r ? r->s[0] : "/", strerror(errno));
	if (syscall(SYS_getcwd, path, sizeof path) < 0 || path[0] != '/')
		fail("working directory %s is outside the container's root", r ? r->s[0] : "/");
}

static char **concat(const struct plan *p, int op) {
	int n = 0;
	for (int i = 0; i < p->n; i++)
		if (p->recs[i].op == op)
			n += p->recs[i].n;
	char **list = calloc(n + 1, sizeof *list);
	n = 0;
	for (int i = 0; list && i < p->n; i++)
		for (int k = 0; p->recs[i].op == op && k < p->recs[i].n; k++)
			list[n++] = p->recs[i].s[k];
	return list;
}

static int runnable(const char *path) {
	struct stat st;
	if (stat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return 0;
	}
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return 0;
	return 1;
}

// look_up finds the program as a shell does; the texts are those that
// Kubernetes' users know.
static char *look_up(char *name, char **env) {
	if (strchr(name, '/')) {
		if (runnable(name))
			return name;
		if (errno == ENOENT || errno == ENOTDIR)
			fail("exec: \"%s\": stat %s: no such file or directory", name, name);
		fail("exec: \"%s\": %s", name, errno == EISDIR ? "is a directory" : errno == EACCES ? "permission denied" : strerror(errno));
	}
	const char *path = "";
	int denied = 0;
	for (char **e = env; *e; e++)
		if (!strncmp(*e, "PATH=", 5))
			path = *e + 5;
	while (*path) {
		size_t n = strcspn(path, ":");
		char *full;
		if (asprintf(&full, "%.*s/%s", (int)n, n ? path : ".", name) < 0)
			fail("out of memory");
		if (runnable(full))
			return full;
		denied |= errno == EACCES;
		free(full);
		path += n + (path[n] == ':');
	}
	fail("exec: \"%s\": %s", name, denied ? "permission denied" : "executable file not found in $PATH");
}

static void refuse_program(const char *argv0, const char *path) {
	if (errno == ENOENT)
		fail("exec %s: no such file or directory", path);
	if (errno == ENOEXEC)
		fail("exec %s: exec format error", path);
	if (errno == EACCES)
		fail("exec: \"%s\": permission denied", argv0);
	fail("exec %s: %s", path, strerror(errno));
}

void process_become(const struct plan *p) {
	const struct rec *caps = plan_find(p, OP_CAPS), *user = plan_find(p, OP_USER);
	uint64_t set = caps ? caps->a : 0, ambient = caps ? caps->b : 0;
	int quiet = plan_find(p, OP_NO_NEW_PRIVS) != NULL;
	char **argv = concat(p, OP_ARGV), **env = concat(p, OP_ENV);

	if (!argv || !env || !argv[0])
		fail("no command specified");
	only_ours();
	if (quiet && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("no_new_privs: %s", strerror(errno));
	bound(set);
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		fail("keep capabilities: %s", strerror(errno));
	if (!quiet) // without no_new_privs only CAP_SYS_ADMIN may install it
		seccomp(p);
	identity(p, user);
	capabilities(set, ambient);
	for (int c = 0; c < 64; c++)
		if (ambient >> c & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
			fail("capabilities: raise ambient %d: %s", c, strerror(errno));
	workdir(p);
	// A pod without its shim has no log and no exit code: it ends with it.
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	char *path = look_up(argv[0], env);
	umask(0022);
	if (quiet)
		seccomp(p);
	if (write(fail_fd, "X", 1) != 1)
		_exit(126);
	execve(path, argv, env);
	refuse_program(argv[0], path);
	_exit(127);
}
