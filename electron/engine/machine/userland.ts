import type { Filesystem } from './types.ts'

/**
 * Which executables an installed userland has. The programs themselves are in the rooms above; what nobody has
 * written yet says so when it is run.
 */
const GNU = [
  'arch', 'awk', 'b2sum', 'base32', 'base64', 'basename', 'bash', 'cat', 'chgrp', 'chmod', 'chown', 'chroot', 'cksum', 'clear', 'cmp', 'comm', 'cp', 'csplit', 'cut', 'date', 'dash', 'dd', 'df', 'diff',
  'dirname', 'dnsdomainname', 'du', 'echo', 'egrep', 'env', 'expand', 'expr', 'factor', 'false', 'fgrep', 'find', 'fmt', 'fold', 'free', 'getent', 'getopt', 'grep', 'groups', 'head',
  'hostname', 'id', 'install', 'join', 'kill', 'less', 'link', 'ln', 'logname', 'ls', 'lsns', 'md5sum', 'mkdir', 'mkfifo', 'mktemp', 'more', 'mv', 'nice', 'nl', 'nohup', 'nproc', 'nsenter', 'numfmt', 'od', 'paste',
  'pathchk', 'pgrep', 'pidof', 'pkill', 'pr', 'printenv', 'printf', 'ps', 'pwd', 'readlink', 'realpath', 'rev', 'rm', 'rmdir', 'sed', 'seq', 'sha1sum',
  'sha224sum', 'sha256sum', 'sha384sum', 'sha512sum', 'shred', 'shuf', 'sleep', 'sort', 'split', 'stat', 'stdbuf', 'strings', 'stty', 'sum', 'sync', 'tac', 'tail', 'tar', 'tee', 'test', 'timeout', 'top', 'touch', 'tr', 'true',
  'truncate', 'tsort', 'tty', 'uname', 'unexpand', 'uniq', 'unlink', 'uptime', 'users', 'watch', 'wc', 'which', 'who', 'whoami', 'xargs', 'yes',
] as const

/** What Debian's essential packages have besides (coreutils, diffutils, gzip, mount, perl-base, procps, util-linux…), and nobody has written: they say so. */
const UNWRITTEN = [
  'chcon', 'chrt', 'diff3', 'dir', 'dmesg', 'findmnt', 'flock', 'gunzip', 'gzip', 'hostid', 'ionice', 'ipcs', 'lsblk', 'lscpu', 'mknod', 'mount', 'mountpoint', 'namei', 'passwd', 'perl', 'pinky', 'prlimit', 'ptx', 'renice',
  'runcon', 'script', 'sdiff', 'setpriv', 'setsid', 'su', 'taskset', 'umount', 'uncompress', 'unshare', 'vdir', 'vmstat', 'w', 'zcat', 'zcmp', 'zdiff', 'zgrep', 'zless', 'zmore',
] as const

/** Debian's bsdextrautils, xxd, bzip2 and xz-utils: a person's machine has them, an image does not. */
export const EXTRAS = ['column', 'hexdump', 'xxd', 'bunzip2', 'bzcat', 'bzip2', 'unxz', 'xz', 'xzcat'] as const

const BUSYBOX = [
  '[', 'arch', 'arping', 'ash', 'awk', 'base64', 'basename', 'brctl', 'cat', 'chmod', 'chown', 'chroot', 'cksum', 'clear', 'cmp', 'comm', 'cp',
  'cut', 'date', 'dd', 'df', 'diff', 'dirname', 'dnsdomainname', 'du', 'echo', 'egrep', 'env', 'expand', 'expr', 'factor', 'false', 'fgrep', 'find', 'fold', 'free',
  'ftpget', 'getopt', 'grep', 'head', 'hexdump', 'hostname', 'httpd', 'id', 'ifconfig', 'install', 'ip', 'ipaddr', 'iplink', 'iproute', 'kill',
  'killall', 'less', 'link', 'ln', 'ls', 'md5sum', 'mkdir', 'mkfifo', 'mktemp', 'more', 'mv', 'nc', 'netstat', 'nice', 'nl', 'nohup', 'nproc',
  'nsenter', 'nslookup', 'od', 'paste', 'pgrep', 'pidof', 'ping', 'ping6', 'pkill', 'printenv', 'printf', 'ps', 'pwd', 'readlink', 'realpath',
  'rev', 'rm', 'rmdir', 'route', 'sed', 'seq', 'sh', 'sha1sum', 'sha256sum', 'sha512sum', 'shred', 'shuf', 'sleep', 'sort', 'split', 'stat',
  'strings', 'stty', 'sum', 'sync', 'tac', 'tail', 'tar', 'tee', 'telnet', 'test', 'timeout', 'touch', 'tr', 'traceroute', 'traceroute6', 'true',
  'truncate', 'tsort', 'tty', 'uname', 'unexpand', 'uniq', 'unlink', 'uptime', 'users', 'vi', 'watch', 'wc', 'wget', 'which', 'who', 'whoami',
  'xargs', 'xxd', 'yes',
] as const

/** Applets of busybox 1.37 (its defconfig) that a student may look for and that are not simulated: they say so. */
const BUSYBOX_TOO = `
  [[ acpid add-shell addgroup adduser adjtimex ar arp ascii base32 bc beep blkdiscard blkid blockdev bootchartd bunzip2 bzcat bzip2 cal chat
  chattr chgrp chpasswd chpst chrt chvt conspy cpio crc32 crond crontab cryptpw cttyhack dc deallocvt delgroup deluser depmod devmem dhcprelay
  dmesg dnsd dos2unix dpkg dpkg-deb dumpkmap dumpleases ed eject envdir envuidgid ether-wake fakeidentd fallocate fatattr fbset fbsplash
  fdflush fdformat fdisk fgconsole findfs flock freeramdisk fsck fsck.minix fsfreeze fstrim fsync ftpd ftpput fuser getfattr getty groups
  gunzip gzip halt hd hdparm hexedit hostid hush hwclock i2cdetect i2cdump i2cget i2cset i2ctransfer ifdown ifenslave ifplugd ifup inetd init
  inotifyd insmod ionice iostat ipcalc ipcrm ipcs ipneigh iprule iptunnel kbd_mode killall5 klogd last linux32 linux64 linuxrc loadfont
  loadkmap logger login logname logread losetup lpd lpq lpr lsattr lsmod lsof lspci lsscsi lsusb lzcat lzma lzop makedevs makemime man mdev
  mesg microcom mim mkdosfs mke2fs mkfs.ext2 mkfs.minix mkfs.vfat mknod mkpasswd mkswap modinfo modprobe mount mountpoint mpstat mt nameif
  nanddump nandwrite nbd-client nmeter nologin nuke openvt partprobe passwd patch pipe_progress pivot_root pmap popmaildir poweroff powertop
  pscan pstree pwdx raidautorun rdate rdev readahead readprofile reboot reformime remove-shell renice reset resize resume rmmod rpm rpm2cpio
  rtcwake run-init run-parts runlevel runsv runsvdir rx script scriptreplay seedrng sendmail setarch setconsole setfattr setfont setkeycodes
  setlogcons setpriv setserial setsid setuidgid sha3sum showkey slattach smemcap softlimit ssl_client start-stop-daemon su sulogin sv svc
  svlogd svok swapoff swapon switch_root sysctl syslogd taskset tc tcpsvd telnetd tftp tftpd time top tree ts ttysize tunctl tune2fs ubiattach
  ubidetach ubimkvol ubirename ubirmvol ubirsvol ubiupdatevol udhcpc udhcpc6 udhcpd udpsvd uevent umount uncompress unix2dos unlzma unshare
  unxz unzip usleep uudecode uuencode vconfig vlock volname w wall watchdog xz xzcat zcat zcip
`.trim().split(/\s+/)

export type Userland = { programs: Record<string, string>; symlinks: Record<string, string> }

/** Debian's: GNU tools in /usr/bin, /bin is its link's stand-in, sh is dash. `more` are further names in /usr/bin. */
export function debianUserland(more: readonly string[] = []): Userland {
  const programs: Record<string, string> = {}
  const symlinks: Record<string, string> = {}
  for (const name of [...GNU, ...UNWRITTEN, ...more]) programs[`/usr/bin/${name}`] = name
  for (const name of ['bash', 'cat', 'chmod', 'cp', 'dash', 'date', 'echo', 'false', 'grep', 'hostname', 'ln', 'ls', 'mkdir', 'mv', 'pwd', 'rm', 'rmdir', 'sed', 'sleep', 'touch', 'true', 'uname']) {
    symlinks[`/bin/${name}`] = `/usr/bin/${name}`
  }
  programs['/usr/bin/['] = 'test'
  programs['/usr/bin/sh'] = 'dash'
  symlinks['/bin/sh'] = '/usr/bin/dash'
  return { programs, symlinks }
}

/** One program under many names, as in the busybox image (`directory` /bin) and Alpine. */
export function busyboxUserland(directory = '/bin'): Userland {
  const programs: Record<string, string> = { [`${directory}/busybox`]: 'busybox' }
  for (const name of [...BUSYBOX, ...BUSYBOX_TOO]) programs[`${directory}/${name}`] = 'busybox'
  return { programs, symlinks: {} }
}

export function installUserland(fs: Filesystem, userland: Userland): void {
  for (const [path, program] of Object.entries(userland.programs)) {
    fs.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/', { parents: true })
    fs.installProgram(path, program)
  }
  for (const [path, target] of Object.entries(userland.symlinks)) {
    fs.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/', { parents: true })
    if (!fs.exists(path)) fs.symlink(target, path)
  }
}
