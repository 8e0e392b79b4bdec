import { BASHRC } from '../../machine/linux.ts'
import { busyboxUserland, debianUserland } from '../../machine/userland.ts'
import { byName } from '../../own.ts'
import type { ImageContent } from './build.ts'

/** What base images bring: account files, /etc/os-release, shells and tools. */
export type Base = Pick<ImageContent, 'files' | 'programs' | 'symlinks' | 'directories'>

const HOST_FILES = ['/etc', '/proc', '/sys', '/dev', '/tmp', '/run', '/var/log', '/var/lib', '/root', '/home', '/opt', '/srv', '/mnt', '/media', '/usr/share', '/usr/local/bin', '/usr/sbin', '/usr/lib']
const GLIBC_FILES = [...HOST_FILES, '/boot', '/usr/lib64']
/** Merged /usr: these are links. Before it they are directories of their own. */
const MERGED = ['bin', 'lib', 'lib64', 'sbin']

/** Debian's releases: their number, their last point release here, and whether the image's /usr is merged. */
const DEBIAN = {
  stretch: { version: '9', point: '9.13', merged: false }, buster: { version: '10', point: '10.13', merged: false }, bullseye: { version: '11', point: '11.11', merged: false },
  bookworm: { version: '12', point: '12.11', merged: true }, trixie: { version: '13', point: '13.1', merged: true },
}
export type DebianRelease = keyof typeof DEBIAN

/** Where a glibc system has its programs and libraries: under /usr, with links at the root, or in both places. */
function rooted({ symlinks }: { symlinks: Readonly<Record<string, string>> }, merged: boolean): Pick<Base, 'symlinks' | 'directories'> {
  if (!merged) return { symlinks, directories: [...GLIBC_FILES, '/bin', '/lib', '/lib64', '/sbin'] }
  return { symlinks: { ...Object.fromEntries(Object.entries(symlinks).filter(([path]) => !path.startsWith('/bin/'))), ...Object.fromEntries(MERGED.map((name) => [`/${name}`, `usr/${name}`])) }, directories: GLIBC_FILES }
}

/** In Debian's slim images these packages are missing: procps, less, and what kill(1) comes with. */
const NOT_IN_SLIM = new Set(['ps', 'free', 'top', 'pgrep', 'pkill', 'pidof', 'watch', 'less', 'uptime', 'kill', 'strings', 'vmstat', 'w'])

export function debian(options: { more?: readonly string[]; slim?: boolean; sbin?: readonly string[]; release?: DebianRelease } = {}): Base {
  const { programs, symlinks } = debianUserland(options.more)
  const codename = options.release ?? 'bookworm'
  const { version, point, merged } = DEBIAN[codename]
  if (options.slim) for (const name of NOT_IN_SLIM) delete programs[`/usr/bin/${name}`]
  for (const name of options.sbin ?? []) programs[`/usr/sbin/${name}`] = name
  for (const name of ['apt', 'apt-get', 'apt-cache', 'dpkg']) programs[`/usr/bin/${name}`] = name
  return {
    programs,
    ...rooted({ symlinks }, merged),
    files: {
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
      '/etc/group': 'root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n',
      '/etc/bash.bashrc': BASHRC,
      '/etc/debian_version': `${point}\n`,
      '/etc/nsswitch.conf': 'passwd:         files\ngroup:          files\nshadow:         files\n\nhosts:          files dns\nnetworks:       files\n',
      '/etc/os-release':
        `PRETTY_NAME="Debian GNU/Linux ${version} (${codename})"\nNAME="Debian GNU/Linux"\nVERSION_ID="${version}"\nVERSION="${version} (${codename})"\nVERSION_CODENAME=${codename}\n${codename === 'trixie' ? `DEBIAN_VERSION_FULL=${point}\n` : ''}ID=debian\nHOME_URL="https://www.debian.org/"\nSUPPORT_URL="https://www.debian.org/support"\nBUG_REPORT_URL="https://bugs.debian.org/"\n`,
    },
  }
}

const UBUNTU = { '18.04': ['18.04.6 LTS', 'Bionic Beaver', 'bionic', 'buster/sid'], '20.04': ['20.04.6 LTS', 'Focal Fossa', 'focal', 'bullseye/sid'], '22.04': ['22.04.5 LTS', 'Jammy Jellyfish', 'jammy', 'bookworm/sid'], '24.04': ['24.04.2 LTS', 'Noble Numbat', 'noble', 'trixie/sid'] } as const

/** Ubuntu's minimal image, which has procps, as Debian's slim ones have not. */
export function ubuntu(version: keyof typeof UBUNTU, options: { more?: readonly string[] } = {}): Base {
  const base = debian({ ...options, release: version === '18.04' ? 'buster' : 'bookworm' })
  const [full, name, codename, debianVersion] = UBUNTU[version]
  const { '/usr/bin/less': _, ...programs } = base.programs as Record<string, string>
  return {
    ...base,
    programs,
    files: {
      ...base.files,
      '/etc/debian_version': `${debianVersion}\n`,
      '/etc/os-release': `PRETTY_NAME="Ubuntu ${full}"\nNAME="Ubuntu"\nVERSION_ID="${version}"\nVERSION="${full} (${name})"\nVERSION_CODENAME=${codename}\nID=ubuntu\nID_LIKE=debian\nHOME_URL="https://www.ubuntu.com/"\nSUPPORT_URL="https://help.ubuntu.com/"\nBUG_REPORT_URL="https://bugs.launchpad.net/ubuntu/"\nPRIVACY_POLICY_URL="https://www.ubuntu.com/legal/terms-and-policies/privacy-policy"\nUBUNTU_CODENAME=${codename}\n`,
    },
  }
}

/** Oracle Linux's slim image: 9, or the 7 that MySQL 5.7 is built on. */
export function oracleLinux(version: '7.9' | '9.5' = '9.5'): Base {
  const base = debian({ slim: true })
  const programs: Record<string, string> = { '/usr/bin/microdnf': 'microdnf', '/usr/bin/rpm': 'rpm' }
  for (const [path, name] of Object.entries(base.programs ?? {})) if (!/^(apt|dpkg)/.test(name)) programs[path] = name
  return {
    ...base,
    programs,
    files: {
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\nmysql:x:999:999::/var/lib/mysql:/bin/bash\n',
      '/etc/group': 'root:x:0:\nbin:x:1:\nmysql:x:999:\n',
      '/etc/nsswitch.conf': 'hosts:      files dns myhostname\n',
      '/etc/os-release': `NAME="Oracle Linux Server"\nVERSION="${version}"\nID="ol"\nID_LIKE="fedora"\nVERSION_ID="${version}"\nPRETTY_NAME="Oracle Linux Server ${version}"\n`,
    },
  }
}

const BUSYBOX_FILES = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
  '/etc/group': 'root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n',
}

/** The busybox image: nothing but the one program under many names. Its default build is linked with glibc. */
export function busybox(): Base {
  return { ...busyboxUserland('/bin'), directories: ['/etc', '/proc', '/sys', '/dev', '/tmp', '/root', '/home', '/lib', '/usr/bin', '/usr/sbin', '/var/www', '/var/spool'], symlinks: { '/lib64': 'lib' }, files: { ...BUSYBOX_FILES, '/etc/nsswitch.conf': 'hosts: files dns\n' } }
}

/** The newest patch release of each Alpine line that there is. */
export const ALPINE: Readonly<Record<string, string>> = byName({ '3.15': '3.15.11', '3.16': '3.16.9', '3.17': '3.17.10', '3.18': '3.18.12', '3.19': '3.19.7', '3.20': '3.20.6', '3.21': '3.21.3', '3.22': '3.22.0' })

/** Where apk's busybox links its applets; the others are in /usr/bin. */
const IN_BIN = new Set('arch ash base64 cat chmod chown cp date df echo egrep false fgrep grep hostname kill ln ls mkdir mktemp more mv netstat pidof ping ping6 printenv ps pwd rm rmdir sed sh sleep stat stty tar touch true uname watch'.split(' '))
const IN_SBIN = new Set('arp blkid depmod fdisk fsck getty halt hdparm hwclock ifconfig ifdown ifup init insmod ip ipaddr iplink ipneigh iproute iprule klogd losetup lsmod mkswap modinfo modprobe poweroff reboot rmmod route swapoff swapon syslogd udhcpc'.split(' '))
const IN_USR_SBIN = new Set('arping brctl httpd'.split(' '))
/** Since 3.7 these are in the package busybox-extras. */
const EXTRAS = ['telnet', 'telnetd', 'ftpget', 'ftpput', 'ftpd', 'tftp', 'tftpd', 'inetd', 'dnsd', 'fakeidentd', 'udhcpd', 'dumpleases']
/** What its busybox is built without. */
const NOT_IN_ALPINE = new Set('dpkg dpkg-deb rpm rpm2cpio hush sv svc svok svlogd runsv runsvdir chpst envdir envuidgid setuidgid softlimit lpd lpq lpr sendmail makemime reformime popmaildir telnetd bootchartd man seedrng dhcprelay'.split(' '))

const ALPINE_FILES = {
  '/etc/passwd': `root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin
sync:x:5:0:sync:/sbin:/bin/sync
shutdown:x:6:0:shutdown:/sbin:/sbin/shutdown
halt:x:7:0:halt:/sbin:/sbin/halt
mail:x:8:12:mail:/var/mail:/sbin/nologin
news:x:9:13:news:/usr/lib/news:/sbin/nologin
uucp:x:10:14:uucp:/var/spool/uucppublic:/sbin/nologin
cron:x:16:16:cron:/var/spool/cron:/sbin/nologin
ftp:x:21:21::/var/lib/ftp:/sbin/nologin
sshd:x:22:22:sshd:/dev/null:/sbin/nologin
games:x:35:35:games:/usr/games:/sbin/nologin
ntp:x:123:123:NTP:/var/empty:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
`,
  '/etc/group': `root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
sys:x:3:root,bin
adm:x:4:root,daemon
tty:x:5:
disk:x:6:root
lp:x:7:lp
kmem:x:9:
wheel:x:10:root
floppy:x:11:root
mail:x:12:mail
news:x:13:news
uucp:x:14:uucp
cron:x:16:cron
audio:x:18:
cdrom:x:19:
dialout:x:20:root
ftp:x:21:
sshd:x:22:
input:x:23:
tape:x:26:root
video:x:27:root
netdev:x:28:
kvm:x:34:kvm
games:x:35:
shadow:x:42:
www-data:x:82:
users:x:100:games
ntp:x:123:
nogroup:x:65533:
nobody:x:65534:
`,
}

/** Alpine: busybox linked with musl, whose resolver is another one. `more` are full tools in /usr/bin. */
export function alpine(more: readonly string[] = [], options: { release?: string; extras?: boolean } = {}): Base {
  const release = options.release ?? ALPINE['3.21']!
  const programs: Record<string, string> = { '/bin/busybox': 'busybox', '/sbin/apk': 'apk', '/sbin/sysctl': 'sysctl', '/usr/bin/getent': 'getent' }
  for (const path of Object.keys(busyboxUserland('').programs)) {
    const name = path.slice(1)
    if (name === 'busybox' || NOT_IN_ALPINE.has(name) || (EXTRAS.includes(name) && !options.extras)) continue
    const directory = IN_BIN.has(name) ? '/bin' : IN_SBIN.has(name) ? '/sbin' : IN_USR_SBIN.has(name) ? '/usr/sbin' : '/usr/bin'
    programs[`${directory}/${name}`] = 'busybox'
  }
  // a full tool lies where its package puts it, over busybox's link of that name
  for (const name of more) programs[Object.keys(programs).find((path) => path.endsWith(`/${name}`)) ?? (name === 'bash' ? '/bin/bash' : `/usr/bin/${name}`)] = name
  return {
    programs,
    symlinks: {},
    directories: HOST_FILES,
    files: {
      ...ALPINE_FILES,
      '/etc/alpine-release': `${release}\n`,
      ...(more.includes('bash') ? { '/etc/bash/bashrc': "PS1='\\h:\\w\\$ '\n" } : {}),
      '/lib/ld-musl-x86_64.so.1': '',
      '/etc/os-release': `NAME="Alpine Linux"\nID=alpine\nVERSION_ID=${release}\nPRETTY_NAME="Alpine Linux v${release.split('.').slice(0, 2).join('.')}"\nHOME_URL="https://alpinelinux.org/"\nBUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"\n`,
    },
  }
}

/** A base with a further account in its files. */
export function withUser(base: Base, passwd: string, group: string): Base {
  return { ...base, files: { ...base.files, '/etc/passwd': `${base.files!['/etc/passwd']!}${passwd}\n`, '/etc/group': `${base.files!['/etc/group']!}${group}\n` } }
}
