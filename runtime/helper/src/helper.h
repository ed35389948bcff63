// The pod helper: one small static program that is a pod's pause process and
// shim, and, in its forked children, what sets a container up and becomes it.
//
// It is started by the agent from a sealed memfd and speaks with it over
// SOCK_SEQPACKET sockets (see wire.c). It parses no text: what is to be done
// comes as a plan, a list of records prepared by the Go side (package plan).
#ifndef HELPER_H
#define HELPER_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

// Operations of a plan. The numbers are the protocol with package plan.
enum op {
	OP_CGROUP = 1,    // s0 file to write "0" into, which moves the caller
	OP_OVERLAY = 2,   // s0 directory the lower directories are relative to, s1 options, s2 mount point
	OP_MOUNT = 3,     // a attributes; s0 type, s1 target, s2.. options
	OP_BIND = 4,      // a attributes, b BIND_* bits, c propagation; s0 source, s1 target
	OP_DEVICE = 5,    // a mode with type, b device number, c uid<<32|gid; s0 path
	OP_SYMLINK = 6,   // s0 target, s1 path
	OP_MKDIR = 7,     // a mode; s0 path
	OP_MASK = 8,      // s0 path
	OP_READONLY = 9,  // s0 path
	OP_ROOT_RDONLY = 10,
	OP_USER = 11,     // a uid, b gid
	OP_GROUP = 12,    // a supplementary gid
	OP_CAPS = 13,     // a permitted, effective and bounding set; b ambient set
	OP_NO_NEW_PRIVS = 14,
	OP_SECCOMP = 15,  // s0 program, an array of struct sock_filter
	OP_RLIMIT = 16,   // a resource, b soft, c hard
	OP_OOM_SCORE = 17,// a value, as int64
	OP_CWD = 18,      // s0 directory
	OP_ENV = 19,      // s0.. NAME=value
	OP_ARGV = 20,     // s0.. arguments
	OP_SYSCTL = 21,   // s0 path below /proc/sys, s1 value
	OP_HOSTNAME = 22, // s0
	OP_UNSHARE = 23,  // a CLONE_NEW* flags
	OP_NETNS = 24,    // s0 file the network namespace is bound to
	OP_SHM = 25,      // s0 directory, s1 options: a tmpfs
	OP_PAUSE = 26,    // the pod shares a PID namespace: keep a first process in it
	OP_IMAGE = 27,    // a attributes; s0 directory the lower directories are relative to, s1 options, s2 empty directory to mount at meanwhile, s3 path within, s4 target
};

// Bits of OP_BIND.
enum { BIND_RECURSIVE = 1, BIND_OPTIONAL = 2, BIND_TOP_ONLY = 4 };

// Bits in the `a` of MSG_START and MSG_EXEC.
enum {
	START_TTY = 1,
	START_STDIN = 2,
	START_STDIN_ONCE = 4,
	START_LOG = 8,        // a descriptor of the log follows
	START_INTO_CGROUP = 16, // a descriptor of a cgroup v2 directory follows
	START_PID_POD = 32,   // the pod's shared PID namespace
	START_PID_HOST = 64,  // the host's
	START_PID_TARGET = 128, // that of the container named by ref
	START_CGROUPNS = 256, // a cgroup namespace of its own
};

struct rec {
	uint16_t op, n;
	uint64_t a, b, c;
	char **s;
	uint32_t *len;
};

struct plan {
	struct rec *recs;
	int n;
};

// wire.c
enum msg_type {
	MSG_START = 1, MSG_EXEC = 2, MSG_KILL = 3, MSG_KILL_EXEC = 4, MSG_REOPEN = 5,
	MSG_ATTACH = 6, MSG_CLOSE_STDIN = 7, MSG_SOCKET = 8, MSG_QUIT = 9, MSG_HELLO = 10,
	MSG_REPLY = 100, MSG_EXIT = 101, MSG_EXEC_EXIT = 102,
};

enum { MAX_FDS = 6, MAX_TEXT = 2048, ID_SIZE = 72 };

struct msg {
	uint32_t type, seq;
	int64_t a, b, c;
	char id[ID_SIZE], ref[ID_SIZE];
	char text[MAX_TEXT];
};
#define MSG_HEAD offsetof(struct msg, text)

int plan_read(int fd, struct plan *p);
const struct rec *plan_find(const struct plan *p, int op);
int msg_send(int sock, const struct msg *m, const int *fds, int nfds);
int msg_recv(int sock, struct msg *m, int *fds, int *nfds);

// fail.c: errors of a child, reported through its sync socket.
extern int fail_fd;
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

// log.c
struct attacher {
	int fd;
	// What it has not taken yet. The container's output is not read meanwhile,
	// so that the container waits as it would for any slow reader.
	char *held;
	size_t size, done;
	int64_t since;
	struct attacher *next;
};

struct stream {
	int fd;           // read end, -1 when closed
	const char *name; // stdout or stderr
	char *line;       // start of a line that has no end yet
	size_t used;
	struct attacher *attached;
};
int stream_read(struct stream *s, int log_fd);
void stream_drain(struct stream *s, int log_fd);
void stream_close(struct stream *s, int log_fd);
int stream_push(struct stream *s);
void stream_attach(struct stream *s, int fd);
int64_t now_ns(void);

// mounts.c
void mounts_prepare(const struct plan *p);
void mounts_make(const struct plan *p);
void mount_console(int slave);

// process.c
void process_limits(const struct plan *p);
void process_become(const struct plan *p) __attribute__((noreturn));
void process_terminal(int sync, int console);
void process_stdio(int in, int out, int err);
void process_reset_signals(void);
void join_cgroups(const struct plan *p);

// init.c
struct child {
	int plan, sync, in, out, err, pidfd;
	uint64_t flags;
};
void init_run(const struct child *c) __attribute__((noreturn));
void exec_run(const struct child *c) __attribute__((noreturn));

// sandbox.c
void sandbox_setup(const struct plan *p);
extern int pause_pidfd; // the first process of the pod's PID namespace, or -1

// shim.c, spawn.c
struct process {
	char id[ID_SIZE]; // the container; of an exec the container that it is in
	uint32_t exec;    // the request's number, 0 for a container's first process
	int conn;         // who asked for it: gets the reply, and an exec's end
	uint32_t seq;
	uint64_t flags;
	pid_t pid;
	int pidfd, sync, dir, log, stdin, master;
	int entered;      // the child has said that it is about to exec
	int started;      // the child is the program now, or is gone
	int64_t started_at;
	struct stream out, err;
	struct process *next;
};
extern struct process *processes;
struct process *process_find(const char *id, uint32_t exec);
void spawn(int conn, const struct msg *m, int *fds, int nfds);
void reply(int conn, uint32_t seq, int64_t a, int64_t b, const char *error, const int *fds, int nfds);
void broadcast(const struct msg *m);
void close_fd(int *fd);
#endif
