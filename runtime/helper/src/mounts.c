// The file system of a container. Every target is found beneath the new root
// by descriptor (openat2 RESOLVE_IN_ROOT), every source is a descriptor too:
// no path is looked at twice, so nothing that a container or a volume's
// content swaps meanwhile is ever mounted or written.
#include "helper.h"
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
int pivot_root_(const char *a, const char *b) { return syscall(SYS_pivot_root, a, b); }

static int root = -1;    // the new root, O_PATH
static int *sources;     // by record: what a BIND mounts, -1 when absent
static int null_source = -1;

static int beneath(int at, const char *path, int flags, uint64_t extra) {
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra};
	int fd;
	do
		fd = syscall(SYS_openat2, at, path, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN);
	return fd;
}

static int in_root(const char *path, int flags, uint64_t extra) {
	return beneath(root, path, flags, extra);
}

// parent_of opens the directory of path, making what is missing, and sets name.
static int parent_of(const char *path, const char **name, int make);

static int directory(const char *path, int mode) {
	int fd = in_root(path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	const char *name;
	int up = parent_of(path, &name, 1);
	if (up < 0)
		return -1;
	int err = mkdirat(up, name, mode) < 0 && errno != EEXIST ? errno : 0;
	close(up);
	if (err) {
		errno = err;
		return -1;
	}
	return in_root(path, O_PATH | O_DIRECTORY, 0);
}

static int parent_of(const char *path, const char **name, int make) {
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path) {
		*name = slash ? slash + 1 : path;
		return in_root("/", O_PATH | O_DIRECTORY, 0);
	}
	*name = slash + 1;
	char *up = strndup(path, slash - path);
	int fd = make ? directory(up, 0755) : in_root(up, O_PATH | O_DIRECTORY, 0);
	free(up);
	return fd;
}

// place finds or makes the target of a mount, a file or a directory.
static int place(const char *path, int is_dir) {
	int fd;
	if (is_dir) {
		fd = directory(path, 0755);
	} else {
		fd = in_root(path, O_PATH, 0);
		if (fd < 0 && errno == ENOENT) {
			const char *name;
			int up = parent_of(path, &name, 1);
			int made = up < 0 ? -1 : openat(up, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
			if (made >= 0)
				close(made);
			if (up >= 0)
				close(up);
			fd = in_root(path, O_PATH, 0);
		}
	}
	if (fd < 0)
		fail("mount %s: open target in the root: %s", path, strerror(errno));
	return fd;
}

static void attach(int tree, int target, const char *path) {
	if (syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		fail("mount %s: %s", path, strerror(errno));
	close(tree);
	close(target);
}

static void set_attributes(int tree, const char *path, uint64_t set, uint64_t propagation, int recursive) {
	struct mount_attr attr = {.attr_set = set, .propagation = propagation};
	if (set == 0 && propagation == 0)
		return;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr) < 0)
		fail("mount %s: set attributes: %s", path, strerror(errno));
}

static int clone_tree(int at, const char *path, int recursive) {
	return syscall(SYS_open_tree, at, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
}

// Only the real null device masks. It is opened in the mount namespace that it
// is cloned in, as the kernel wants.
static void open_null(void) {
	struct stat st;
	null_source = open("/dev/null", O_PATH | O_CLOEXEC);
	if (null_source < 0 || fstat(null_source, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		fail("/dev/null of the host is not the null device");
}

// mounts_prepare takes hold of the sources while the caller is still in the
// host's mount namespace, which keeps them peers of the host's mounts.
void mounts_prepare(const struct plan *p) {
	sources = malloc((p->n + 1) * sizeof *sources);
	if (!sources)
		fail("out of memory");
	for (int i = 0; i < p->n; i++) {
		const struct rec *r = &p->recs[i];
		if (r->op != OP_BIND)
			continue;
		sources[i] = clone_tree(AT_FDCWD, r->s[0], r->b & BIND_RECURSIVE);
		if (sources[i] < 0 && !(r->b & BIND_OPTIONAL))
			fail("mount %s: source %s: %s", r->s[1], r->s[0], strerror(errno));
	}
}

static void make_overlay(const struct rec *r) {
	if (chdir(r->s[0]) < 0)
		fail("root file system: %s: %s", r->s[0], strerror(errno));
	if (mount("overlay", r->s[2], "overlay", 0, r->s[1]) < 0)
		fail("root file system: mount overlay on %s (%s): %s", r->s[2], r->s[1], strerror(errno));
	root = open(r->s[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fchdir(root) < 0)
		fail("root file system: open %s: %s", r->s[2], strerror(errno));
}

static void option(int fs, const struct rec *r, char *text) {
	char *value = strchr(text, '=');
	int err;
	if (value) {
		*value++ = 0;
		err = syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, text, value, 0);
	} else {
		err = syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, text, NULL, 0);
	}
	if (err < 0)
		fail("mount %s: %s option %s: %s", r->s[1], r->s[0], text, strerror(errno));
}

// not_in_proc refuses a target that an image's or a volume's link has led into
// /proc: a mount there turns what is written to one of the kernel's files into
// a write to another (CVE-2025-52881).
static void not_in_proc(int target, const char *path) {
	struct statfs fs;
	if (fstatfs(target, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC)
		fail("mount %s: the target is inside /proc", path);
}

static void make_mount(const struct rec *r) {
	int fs = syscall(SYS_fsopen, r->s[0], FSOPEN_CLOEXEC);
	if (fs < 0)
		fail("mount %s: file system %s: %s", r->s[1], r->s[0], strerror(errno));
	for (int i = 2; i < r->n; i++)
		option(fs, r, r->s[i]);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		fail("mount %s: make %s: %s", r->s[1], r->s[0], strerror(errno));
	int tree = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, r->a);
	if (tree < 0)
		fail("mount %s: %s: %s", r->s[1], r->s[0], strerror(errno));
	close(fs);
	int target = directory(r->s[1], 0755);
	if (target < 0)
		fail("mount %s: open target in the root: %s", r->s[1], strerror(errno));
	// An image's /proc or /sys that is a link elsewhere would let the masks
	// below miss what they mean.
	if (!strcmp(r->s[1], "/proc") || !strcmp(r->s[1], "/sys")) {
		close(target);
		target = in_root(r->s[1], O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
		if (target < 0)
			fail("mount %s: the image's %s is not a plain directory", r->s[1], r->s[1]);
	}
	not_in_proc(target, r->s[1]);
	attach(tree, target, r->s[1]);
}

static void make_bind(const struct rec *r, int tree) {
	struct stat st;
	if (tree < 0)
		return;
	if (fstat(tree, &st) < 0)
		fail("mount %s: source %s: %s", r->s[1], r->s[0], strerror(errno));
	int target = place(r->s[1], S_ISDIR(st.st_mode));
	not_in_proc(target, r->s[1]);
	set_attributes(tree, r->s[1], r->a, 0, r->b & BIND_RECURSIVE && !(r->b & BIND_TOP_ONLY));
	set_attributes(tree, r->s[1], 0, r->c, r->b & BIND_RECURSIVE);
	attach(tree, target, r->s[1]);
}

// make_image shows an image's content, or a part of it, at a target. It is
// mounted elsewhere first: the target is only ever known by descriptor.
static void make_image(const struct rec *r) {
	if (chdir(r->s[0]) < 0)
		fail("mount %s: %s: %s", r->s[4], r->s[0], strerror(errno));
	if (mount("overlay", r->s[2], "overlay", 1 /* MS_RDONLY */, r->s[1]) < 0)
		fail("mount %s: overlay of the image (%s): %s", r->s[4], r->s[1], strerror(errno));
	int whole = open(r->s[2], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int part = whole < 0 ? -1 : beneath(whole, r->s[3], O_PATH, RESOLVE_NO_XDEV);
	if (part < 0)
		fail("mount %s: %s in the image: %s", r->s[4], r->s[3], strerror(errno));
	int tree = clone_tree(part, "", 0);
	if (tree < 0)
		fail("mount %s: the image: %s", r->s[4], strerror(errno));
	close(part);
	close(whole);
	if (umount2(r->s[2], 2 /* MNT_DETACH */) < 0 || fchdir(root) < 0)
		fail("mount %s: leave %s: %s", r->s[4], r->s[2], strerror(errno));
	struct stat st;
	if (fstat(tree, &st) < 0)
		fail("mount %s: the image: %s", r->s[4], strerror(errno));
	int target = place(r->s[4], S_ISDIR(st.st_mode));
	not_in_proc(target, r->s[4]);
	set_attributes(tree, r->s[4], r->a, 0, 0);
	attach(tree, target, r->s[4]);
}

static void make_device(const struct rec *r) {
	const char *name;
	int up = parent_of(r->s[0], &name, 1);
	if (up < 0)
		fail("device %s: %s", r->s[0], strerror(errno));
	if ((unlinkat(up, name, 0) < 0 && errno != ENOENT) || mknodat(up, name, r->a, r->b) < 0 ||
	    fchmodat(up, name, r->a & 07777, 0) < 0 || fchownat(up, name, r->c >> 32, (uint32_t)r->c, AT_SYMLINK_NOFOLLOW) < 0)
		fail("device %s: %s", r->s[0], strerror(errno));
	close(up);
}

static void make_symlink(const struct rec *r) {
	const char *name;
	int up = parent_of(r->s[1], &name, 1);
	if (up < 0 || (symlinkat(r->s[0], up, name) < 0 && errno != EEXIST))
		fail("link %s: %s", r->s[1], strerror(errno));
	close(up);
}

// make_directory makes a working directory that the image lacks.
static void make_directory(const struct rec *r) {
	int fd = directory(r->s[0], r->a);
	if (fd < 0)
		fail("directory %s: %s", r->s[0], strerror(errno));
	close(fd);
}

// present opens what is to be masked or made read-only, -1 when it is not
// there. Any other failure must not leave it open to the container.
static int present(const char *path, const char *what) {
	int fd = in_root(path, O_PATH, 0);
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		fail("%s %s: %s", what, path, strerror(errno));
	return fd;
}

static void make_mask(const struct rec *r) {
	struct stat st;
	int target = present(r->s[0], "mask");
	if (target < 0)
		return;
	if (fstat(target, &st) < 0)
		fail("mask %s: %s", r->s[0], strerror(errno));
	if (!S_ISDIR(st.st_mode)) {
		int tree = clone_tree(null_source, "", 0);
		if (tree < 0)
			fail("mask %s: %s", r->s[0], strerror(errno));
		attach(tree, target, r->s[0]);
		return;
	}
	int fs = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "4k", 0);
	syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "nr_inodes", "1", 0);
	int tree = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -1
		: syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (tree < 0)
		fail("mask %s: %s", r->s[0], strerror(errno));
	close(fs);
	attach(tree, target, r->s[0]);
}

static void make_readonly(const struct rec *r) {
	int target = present(r->s[0], "read-only");
	if (target < 0)
		return;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	if (syscall(SYS_mount_setattr, target, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) == 0) {
		close(target); // it was a mount's root already
		return;
	}
	int tree = clone_tree(target, "", 1);
	if (tree < 0)
		fail("read-only %s: %s", r->s[0], strerror(errno));
	set_attributes(tree, r->s[0], MOUNT_ATTR_RDONLY, 0, 1);
	attach(tree, target, r->s[0]);
}

static void enter_root(void) {
	if (fchdir(root) < 0 || pivot_root_(".", ".") < 0)
		fail("root file system: pivot_root: %s", strerror(errno));
	if (umount2(".", 2 /* MNT_DETACH */) < 0 || chdir("/") < 0)
		fail("root file system: leave the host's: %s", strerror(errno));
	close(root);
}

// mounts_make builds the root in the mount namespace that the caller has to
// itself, and enters it.
void mounts_make(const struct plan *p) {
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		fail("root file system: make the host's mounts slaves: %s", strerror(errno));
	open_null();
	for (int i = 0; i < p->n; i++) {
		const struct rec *r = &p->recs[i];
		switch (r->op) {
		case OP_OVERLAY: make_overlay(r); break;
		case OP_MOUNT: make_mount(r); break;
		case OP_BIND: make_bind(r, sources[i]); break;
		case OP_IMAGE: make_image(r); break;
		case OP_DEVICE: make_device(r); break;
		case OP_SYMLINK: make_symlink(r); break;
		case OP_MKDIR: make_directory(r); break;
		case OP_MASK: make_mask(r); break;
		case OP_READONLY: make_readonly(r); break;
		}
	}
	if (plan_find(p, OP_ROOT_RDONLY)) {
		int fd = in_root("/", O_PATH | O_DIRECTORY, 0);
		set_attributes(fd, "/", MOUNT_ATTR_RDONLY, 0, 0);
		close(fd);
	}
	enter_root();
}

// mount_console shows the terminal, known by descriptor, as /dev/console.
void mount_console(int slave) {
	int target = open("/dev/console", O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_EXCL, 0666);
	if (target >= 0)
		close(target);
	target = open("/dev/console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int tree = clone_tree(slave, "", 0);
	if (target < 0 || tree < 0)
		fail("console: %s", strerror(errno));
	attach(tree, target, "/dev/console");
}
