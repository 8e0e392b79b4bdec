import { BASHRC } from '../../machine/linux.ts'
import { busyboxUserland, debianUserland } from '../../machine/userland.ts'
import type { ImageContent } from './build.ts'

/** What base images bring: account files, /etc/os-release, shells and tools. */
type Base = Pick<ImageContent, 'files' | 'programs' | 'symlinks' | 'directories'>

const HOST_FILES = ['/etc', '/proc', '/sys', '/dev', '/tmp', '/run', '/var/log', '/var/lib', '/root', '/home', '/opt', '/srv', '/mnt', '/usr/share', '/usr/local/bin', '/usr/sbin', '/usr/lib']

/** In Debian's slim images these packages are missing: procps, less, and what kill(1) comes with. */
const NOT_IN_SLIM = new Set(['ps', 'free', 'pgrep', 'pkill', 'pidof', 'watch', 'less', 'uptime', 'kill', 'strings'])

export function debian(options: { more?: readonly string[]; slim?: boolean; sbin?: readonly string[] } = {}): Base {
  const { programs, symlinks } = debianUserland(options.more)
  if (options.slim) for (const name of NOT_IN_SLIM) delete programs[`/usr/bin/${name}`]
  for (const name of options.sbin ?? []) programs[`/usr/sbin/${name}`] = name
  return {
    programs,
    symlinks,
    directories: HOST_FILES,
    files: {
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
      '/etc/group': 'root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n',
      '/etc/bash.bashrc': BASHRC,
      '/etc/debian_version': '12.11\n',
      '/etc/nsswitch.conf': 'passwd:         files\ngroup:          files\nshadow:         files\n\nhosts:          files dns\nnetworks:       files\n',
      '/etc/os-release':
        'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\nHOME_URL="https://www.debian.org/"\nSUPPORT_URL="https://www.debian.org/support"\nBUG_REPORT_URL="https://bugs.debian.org/"\n',
    },
  }
}

const UBUNTU = { '18.04': ['18.04.6 LTS', 'Bionic Beaver', 'bionic', 'buster/sid'], '20.04': ['20.04.6 LTS', 'Focal Fossa', 'focal', 'bullseye/sid'], '22.04': ['22.04.5 LTS', 'Jammy Jellyfish', 'jammy', 'bookworm/sid'], '24.04': ['24.04.2 LTS', 'Noble Numbat', 'noble', 'trixie/sid'] } as const

/** Ubuntu's minimal image, which has procps, as Debian's slim ones have not. */
export function ubuntu(version: keyof typeof UBUNTU, options: { more?: readonly string[] } = {}): Base {
  const base = debian(options)
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

export function oracleLinux(): Base {
  const base = debian({ slim: true })
  return {
    ...base,
    files: {
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\nmysql:x:999:999::/var/lib/mysql:/bin/bash\n',
      '/etc/group': 'root:x:0:\nbin:x:1:\nmysql:x:999:\n',
      '/etc/nsswitch.conf': 'hosts:      files dns myhostname\n',
      '/etc/os-release': 'NAME="Oracle Linux Server"\nVERSION="9.5"\nID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.5"\nPRETTY_NAME="Oracle Linux Server 9.5"\n',
    },
  }
}

const BUSYBOX_FILES = {
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
  '/etc/group': 'root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n',
}

/** The busybox image: nothing but the one program under many names. Its default build is linked with glibc. */
export function busybox(): Base {
  return { ...busyboxUserland('/bin'), directories: ['/etc', '/proc', '/sys', '/dev', '/tmp', '/root', '/home', '/usr/bin', '/var/www', '/var/spool'], files: { ...BUSYBOX_FILES, '/etc/nsswitch.conf': 'hosts: files dns\n' } }
}

/** Alpine: busybox linked with musl, whose resolver is another one. */
export function alpine(more: readonly string[] = []): Base {
  const { programs } = busyboxUserland('/bin')
  for (const name of more) programs[`/usr/bin/${name}`] = name
  return {
    programs,
    symlinks: { '/usr/bin/env': '/bin/env' },
    directories: HOST_FILES,
    files: {
      ...BUSYBOX_FILES,
      '/etc/alpine-release': '3.21.3\n',
      '/lib/ld-musl-x86_64.so.1': '',
      '/etc/os-release': 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.21.3\nPRETTY_NAME="Alpine Linux v3.21"\nHOME_URL="https://alpinelinux.org/"\nBUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"\n',
    },
  }
}
