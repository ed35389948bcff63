package seccomp

// auditArch is AUDIT_ARCH_X86_64; x32 calls are of it, too, with numbers that
// are newer than any in the table.
const auditArch = 0xc000003e
