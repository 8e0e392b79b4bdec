import { alpine, debian, withUser } from './bases.ts'
import { splitTag, versionParts, type ImageContent, type Repository } from './build.ts'
import { nginxFiles } from './nginx-files.ts'
import { nginxRelease, type NginxRelease } from './nginx-releases.ts'

/** docker.io/library/nginx: Debian or Alpine with curl, serving its welcome page. */
const LAST_PATCH: Readonly<Record<number, number>> = { 7: 12, 8: 1, 9: 15, 10: 3, 11: 13, 12: 2, 13: 12, 14: 2, 15: 12, 16: 1, 17: 10, 18: 0, 19: 10, 20: 2, 21: 6, 22: 1, 23: 4, 24: 0, 25: 5, 26: 3, 27: 5, 28: 0, 29: 3 }
const MAINLINE = '1.27.5'
const STABLE = '1.26.3'

function versionOf(word: string): string | undefined {
  if (['latest', 'mainline', 'alpine', 'bookworm', 'perl', 'otel', 'slim'].includes(word)) return MAINLINE
  if (word === 'stable') return STABLE
  const parts = versionParts(word)
  if (!parts || word.startsWith('v') || parts.length > 3 || parts[0] !== 1) return undefined
  const [, minor = 27, patch] = parts
  const last = LAST_PATCH[minor]
  if (last === undefined || (patch !== undefined && patch > last)) return undefined
  return `1.${minor}.${patch ?? last}`
}

export function nginxContent(tag: string): ImageContent | undefined {
  const { version: word, flavour } = splitTag(tag)
  if (!/^(|alpine[0-9.]*|alpine-slim|alpine[0-9.]*-slim|alpine-perl|alpine-otel|bookworm|bullseye|buster|perl|otel|slim|bookworm-perl)$/.test(flavour)) return undefined
  const version = versionOf(word)
  if (version === undefined) return undefined
  const isAlpine = word === 'alpine' || flavour.startsWith('alpine')
  const release = nginxRelease(version)
  const tools = release.hasCurl ? ['curl'] : []
  const base = isAlpine ? withUser(alpine(flavour.includes('slim') ? [] : tools), 'nginx:x:101:101:nginx:/var/cache/nginx:/sbin/nologin', 'nginx:x:101:nginx') : withUser(debian({ more: tools, slim: true, release: release.debian }), 'nginx:x:101:101:nginx user:/nonexistent:/bin/false', 'nginx:x:101:')
  const hasEntrypoint = release.scripts.length > 0
  return {
    size: isAlpine ? 20_534_125 : 72_404_038,
    entrypoint: hasEntrypoint ? ['/docker-entrypoint.sh'] : [],
    quiet: true,
    command: ['nginx', '-g', 'daemon off;'],
    environment: environmentOf(version, release, isAlpine),
    files: { ...base.files, ...nginxFiles(version, release) },
    programs: { ...base.programs, '/usr/sbin/nginx': 'nginx', ...(hasEntrypoint ? { '/docker-entrypoint.sh': 'nginx-entrypoint' } : {}), ...Object.fromEntries(release.scripts.map((name) => [`/docker-entrypoint.d/${name}`, 'nginx-entrypoint'])) },
    symlinks: { ...base.symlinks, '/var/run': '/run', '/var/log/nginx/access.log': '/dev/stdout', '/var/log/nginx/error.log': '/dev/stderr' },
    directories: [...(base.directories ?? []), '/run', '/var/log/nginx', '/var/cache/nginx'],
    exposedPorts: ['80/tcp'],
    stopSignal: release.stopSignal,
  }
}

/** ENV of its Dockerfile: up to 1.15 whole package versions, then the parts of them. */
function environmentOf(version: string, { njs, debian: codename }: NginxRelease, isAlpine: boolean): Record<string, string> {
  const [, minor = 0, patch = 0] = version.split('.').map(Number)
  const since = (atMinor: number, atPatch: number): boolean => minor > atMinor || (minor === atMinor && patch >= atPatch)
  if (!since(16, 0)) return isAlpine ? { NGINX_VERSION: version } : { NGINX_VERSION: `${version}-1~${codename}`, ...(njs === '' ? {} : { NJS_VERSION: `${version}.${njs}-1~${codename}` }) }
  const of = (number: number): string => (isAlpine ? String(number) : `${number}~${codename}`)
  // njs 0.8.4 was packaged twice, and so were 1.26.1 and 1.27.0
  const again = version === '1.26.1' || version === '1.27.0'
  return {
    NGINX_VERSION: version,
    NJS_VERSION: njs,
    ...(since(26, 0) ? { NJS_RELEASE: of(njs === '0.8.4' ? 2 : 1) } : {}),
    PKG_RELEASE: of(again ? 2 : 1),
    ...(since(27, 2) ? { DYNPKG_RELEASE: of(1) } : {}),
  }
}

export const nginxRepository: Repository = { name: 'docker.io/library/nginx', tag: nginxContent }

/** What "Connecting Applications with Services" of Kubernetes' pages serves HTTPS with: nginx of November 2015, which reads its configuration again when it changes. */
function nginxHttps(tag: string): ImageContent | undefined {
  const base = tag === '1.0' ? nginxContent('1.9.7') : undefined
  return base && { ...base, quiet: false, programs: { ...base.programs, '/home/auto-reload-nginx.sh': 'nginx-auto-reload' }, entrypoint: [], command: ['/home/auto-reload-nginx.sh'], exposedPorts: ['80/tcp', '443/tcp'] }
}

export const nginxHttpsRepository: Repository = { name: 'docker.io/bprashanth/nginxhttps', tag: nginxHttps }
