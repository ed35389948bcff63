// What makes this process the pod: its namespaces, and what belongs to them.
#include "helper.h"
#include <grp.h>
#include <net/if.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int mount(const char *, const char *, const char *, unsigned long, const void *);
int unshare(int);
int umount2(const char *, int);
int pause_pidfd = -1;

static void loopback_up(void) {
	struct ifreq r = {.ifr_name = "lo"};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0 || ioctl(s, SIOCGIFFLAGS, &r) < 0)
		fail("loopback: %s", strerror(errno));
	r.ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
		fail("loopback: %s", strerror(errno));
	close(s);
}

static void set_sysctl(const struct rec *r) {
	char path[512];
	snprintf(path, sizeof path, "/proc/sys/%s", r->s[0]);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, r->s[1], r->len[1]) != (ssize_t)r->len[1])
		fail("sysctl %s=%s: %s", r->s[0], r->s[1], strerror(errno));
	close(fd);
}

// show_nothing leaves the caller an empty root of its own, and no right. Other
// processes of the PID namespace see it: one that may trace would reach the
// host's files through /proc/1/root, or make this process act for it.
static int show_nothing(void) {
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {0};
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	if (mount("none", "/proc", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1") < 0)
		return -1;
	if (chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", 2 /* MNT_DETACH */) < 0 || chdir("/") < 0)
		return -1;
	for (int c = 0; c < 64; c++)
		if (prctl(PR_CAPBSET_READ, c) == 1 && prctl(PR_CAPBSET_DROP, c) < 0)
			return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(65535, 65535, 65535) < 0 || setresuid(65535, 65535, 65535) < 0)
		return -1;
	// Another identity has made it dumpable again where fs.suid_dumpable says so.
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? -1 : (int)syscall(SYS_capset, &h, none);
}

// keep_first_process is PID 1 of the pod's shared PID namespace: it reaps what
// the containers leave, and when it goes the kernel ends everything in there.
static void keep_first_process(void) {
	int parent = syscall(SYS_pidfd_open, getpid(), 0);
	struct clone_args args = {.flags = CLONE_NEWPID | CLONE_PIDFD, .exit_signal = SIGCHLD,
		.pidfd = (uintptr_t)&pause_pidfd};
	pid_t pid = syscall(SYS_clone3, &args, sizeof args);
	if (parent < 0 || pid < 0)
		fail("PID namespace: %s", strerror(errno));
	if (pid > 0) {
		close(parent);
		return;
	}
	if (show_nothing() < 0)
		_exit(125); // the parent finds that no container can be started in here
	// A parent that went before it was to be told of tells nothing. Giving up
	// rights forgets the signal, so it comes after.
	struct pollfd gone = {parent, POLLIN, 0};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&gone, 1, 0) != 0)
		_exit(0);
	syscall(SYS_close_range, 0, ~0U, 0);
	process_reset_signals();
	signal(SIGCHLD, SIG_IGN); // the kernel reaps
	for (;;)
		pause();
}

void sandbox_setup(const struct plan *p) {
	process_limits(p);
	for (int i = 0; i < p->n; i++) {
		const struct rec *r = &p->recs[i];
		switch (r->op) {
		case OP_CGROUP:
			join_cgroups(p);
			break;
		case OP_UNSHARE:
			if (unshare(r->a) < 0)
				fail("unshare: %s", strerror(errno));
			if (r->a & CLONE_NEWNET)
				loopback_up();
			break;
		case OP_HOSTNAME:
			if (sethostname(r->s[0], r->len[0]) < 0)
				fail("hostname %s: %s", r->s[0], strerror(errno));
			break;
		case OP_SYSCTL:
			set_sysctl(r);
			break;
		case OP_NETNS:
			if (mount("/proc/self/ns/net", r->s[0], NULL, MS_BIND, NULL) < 0)
				fail("network namespace: bind to %s: %s", r->s[0], strerror(errno));
			break;
		case OP_SHM:
			if (mount("shm", r->s[0], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, r->s[1]) < 0)
				fail("shared memory: mount on %s: %s", r->s[0], strerror(errno));
			break;
		case OP_PAUSE:
			keep_first_process();
			break;
		}
	}
}
