import type { DebianRelease } from './bases.ts'

/** What differs between the images of nginx' versions (nginx/docker-nginx and nginx/pkg-oss, by their tags). */
export interface NginxRelease {
  debian: DebianRelease
  /** Of docker-entrypoint.d; none: the image has no entrypoint, and says nothing when it starts. */
  scripts: readonly string[]
  stopSignal: 'SIGTERM' | 'SIGQUIT'
  /** 10-listen-on-ipv6-by-default.sh says "info:"; before, "error:" or nothing. */
  infoWords: boolean
  /** Of the njs module. */
  njs: string
  /** nginx.conf says `worker_processes auto` and `error_log … notice`; before 1.20 `1` and `warn`. */
  tellsNotices: boolean
  /** default.conf has the line of the charset, up to 1.19. */
  charsetLine: boolean
  hasCurl: boolean
  /** The pages know of dark mode. */
  darkMode: boolean
}

const NJS = new Map(`1.12.0:0.1.10 1.12.1:0.1.10 1.12.2:0.1.14 1.13.0:0.1.10 1.13.1:0.1.10 1.13.2:0.1.11 1.13.3:0.1.11 1.13.5:0.1.13 1.13.6:0.1.14 1.13.7:0.1.15 1.13.8:0.1.15 1.13.9:0.1.15 1.13.10:0.1.15
1.13.11:0.2.0 1.13.12:0.2.0 1.14.0:0.2.0 1.14.1:0.2.5 1.14.2:0.2.6 1.15.0:0.2.1 1.15.1:0.2.2 1.15.2:0.2.2 1.15.3:0.2.3 1.15.4:0.2.4 1.15.5:0.2.4 1.15.6:0.2.5 1.15.7:0.2.6 1.15.8:0.2.7 1.15.9:0.2.8 1.15.10:0.3.0
1.15.11:0.3.0 1.15.12:0.3.1 1.16.0:0.3.1 1.16.1:0.3.5 1.17.0:0.3.2 1.17.1:0.3.3 1.17.2:0.3.3 1.17.3:0.3.5 1.17.4:0.3.5 1.17.5:0.3.6 1.17.6:0.3.7 1.17.7:0.3.7 1.17.8:0.3.8 1.17.9:0.3.9 1.17.10:0.3.9 1.18.0:0.4.0
1.19.0:0.4.1 1.19.1:0.4.2 1.19.2:0.4.3 1.19.3:0.4.4 1.19.4:0.4.4 1.19.5:0.4.4 1.19.6:0.5.0 1.19.7:0.5.1 1.19.8:0.5.2 1.19.9:0.5.3 1.19.10:0.5.3 1.20.0:0.5.3 1.20.1:0.5.3 1.20.2:0.7.3 1.21.0:0.5.3 1.21.1:0.6.1
1.21.3:0.6.2 1.21.4:0.7.0 1.21.5:0.7.1 1.21.6:0.7.3 1.22.0:0.7.5 1.22.1:0.7.7 1.23.0:0.7.5 1.23.1:0.7.6 1.23.2:0.7.7 1.23.3:0.7.9 1.23.4:0.7.11 1.24.0:0.7.12 1.25.0:0.7.12 1.25.1:0.7.12 1.25.2:0.8.0 1.25.3:0.8.2
1.25.4:0.8.3 1.25.5:0.8.4 1.26.0:0.8.4 1.26.1:0.8.4 1.26.2:0.8.5 1.26.3:0.8.9 1.27.0:0.8.4 1.27.1:0.8.5 1.27.2:0.8.6 1.27.3:0.8.7 1.27.4:0.8.9 1.27.5:0.8.10 1.28.0:0.8.10 1.29.0:0.9.0 1.29.1:0.9.1 1.29.2:0.9.3 1.29.3:0.9.4`
  .split(/\s+/).map((pair) => pair.split(':') as [string, string]))

/** `version`: "1.27.5". Odd minors are mainline, and may be newer than the stable line of the next one. */
export function nginxRelease(version: string): NginxRelease {
  const [, minor = 0, patch = 0] = version.split('.').map(Number)
  const since = (atMinor: number, atPatch: number): boolean => minor > atMinor || (minor === atMinor && patch >= atPatch)
  return {
    debian: debianOf(minor, patch),
    scripts: [
      ...(since(19, 0) ? ['10-listen-on-ipv6-by-default.sh'] : []),
      ...(since(25, 1) ? ['15-local-resolvers.envsh'] : []),
      ...(since(19, 0) ? ['20-envsubst-on-templates.sh'] : []),
      ...(since(19, 7) ? ['30-tune-worker-processes.sh'] : []),
    ],
    infoWords: since(19, 6),
    stopSignal: since(19, 5) ? 'SIGQUIT' : 'SIGTERM',
    njs: NJS.get(version) ?? '',
    tellsNotices: since(20, 0),
    charsetLine: !since(20, 0),
    hasCurl: since(19, 0),
    darkMode: minor === 22 || since(21, 2),
  }
}

function debianOf(minor: number, patch: number): DebianRelease {
  // of a minor: the patch with which the next release of Debian came
  const began: [DebianRelease, Readonly<Record<number, number>>, number][] = [
    ['trixie', { 28: 1, 29: 2 }, 30],
    ['bookworm', { 25: 1 }, 26],
    ['bullseye', { 20: 2, 21: 4 }, 22],
    ['buster', { 16: 1, 17: 2 }, 18],
  ]
  for (const [release, within, from] of began) if (minor >= from || patch >= (within[minor] ?? Infinity)) return release
  return 'stretch'
}

/** Its compiler, as `nginx -V` and the log name it, and its OpenSSL. */
export const BUILDERS: Readonly<Record<DebianRelease, { gcc: string; openssl: string }>> = {
  stretch: { gcc: '6.3.0 20170516 (Debian 6.3.0-18+deb9u1)', openssl: '1.1.0j  20 Nov 2018' },
  buster: { gcc: '8.3.0 (Debian 8.3.0-6)', openssl: '1.1.1d  10 Sep 2019' },
  bullseye: { gcc: '10.2.1 20210110 (Debian 10.2.1-6)', openssl: '1.1.1n  15 Mar 2022' },
  bookworm: { gcc: '12.2.0 (Debian 12.2.0-14)', openssl: '3.0.15 3 Sep 2024' },
  trixie: { gcc: '14.2.0 (Debian 14.2.0-19)', openssl: '3.5.1 1 Jul 2025' },
}
/** Alpine 3.21's. */
export const ALPINE_BUILDER = { gcc: '14.2.0 (Alpine 14.2.0)', openssl: '3.3.3 11 Feb 2025' }
