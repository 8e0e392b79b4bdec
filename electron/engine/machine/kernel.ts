/** The kernel that every node runs, Debian 12's: uname(2), /proc/version and the node's status say the same. */
export const KERNEL = {
  release: '6.1.0-32-amd64',
  version: '#1 SMP PREEMPT_DYNAMIC Debian 6.1.129-1 (2025-03-06)',
  builder: '(debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40)',
}
