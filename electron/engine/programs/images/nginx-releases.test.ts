import { expect, it } from 'vitest'
import { fetch, SmallCluster } from '../../cni/small-cluster.samples.ts'
import { findImage } from './catalog.ts'

/** The images of nginx by their tags, as nginx/docker-nginx and nginx/pkg-oss have them. */
const image = (tag: string): NonNullable<ReturnType<typeof findImage>> => findImage(`nginx:${tag}`)!
const started = (tag: string, files?: Record<string, string>): { output: string; head: ReturnType<typeof fetch> extends Generator<unknown, infer R> ? R : never } => {
  const cluster = new SmallCluster('bridge', ['worker-1'])
  const web = cluster.pod('web', 'worker-1', `nginx:${tag}`, files ? { files } : {})
  cluster.clock.runFor(10)
  const client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
  const head = cluster.run(client.machine, (p) => fetch(p, web.ip, 80))
  return { output: web.output(), head }
}

it.each([
  ['1.14.2', 'Debian GNU/Linux 9 (stretch)', { NGINX_VERSION: '1.14.2-1~stretch', NJS_VERSION: '1.14.2.0.2.6-1~stretch' }, 'SIGTERM', []],
  ['1.16.1', 'Debian GNU/Linux 10 (buster)', { NGINX_VERSION: '1.16.1', NJS_VERSION: '0.3.5', PKG_RELEASE: '1~buster' }, 'SIGTERM', []],
  ['1.19.4', 'Debian GNU/Linux 10 (buster)', { NGINX_VERSION: '1.19.4', NJS_VERSION: '0.4.4', PKG_RELEASE: '1~buster' }, 'SIGTERM', ['10', '20']],
  ['1.21', 'Debian GNU/Linux 11 (bullseye)', { NGINX_VERSION: '1.21.6', NJS_VERSION: '0.7.3', PKG_RELEASE: '1~bullseye' }, 'SIGQUIT', ['10', '20', '30']],
  ['1.27.5', 'Debian GNU/Linux 12 (bookworm)', { NGINX_VERSION: '1.27.5', NJS_VERSION: '0.8.10', NJS_RELEASE: '1~bookworm', PKG_RELEASE: '1~bookworm', DYNPKG_RELEASE: '1~bookworm' }, 'SIGQUIT', ['10', '15', '20', '30']],
  ['1.29.3', 'Debian GNU/Linux 13 (trixie)', { NGINX_VERSION: '1.29.3', NJS_VERSION: '0.9.4', NJS_RELEASE: '1~trixie', PKG_RELEASE: '1~trixie', DYNPKG_RELEASE: '1~trixie' }, 'SIGQUIT', ['10', '15', '20', '30']],
  ['1.27.5-alpine', 'Alpine Linux v3.21', { NGINX_VERSION: '1.27.5', NJS_VERSION: '0.8.10', NJS_RELEASE: '1', PKG_RELEASE: '1', DYNPKG_RELEASE: '1' }, 'SIGQUIT', ['10', '15', '20', '30']],
] as const)('nginx:%s is built on %s', (tag, base, environment, stopSignal, scripts) => {
  const { files, programs, environment: { PATH: _, ...own }, stopSignal: signal, entrypoint } = image(tag)
  expect(/PRETTY_NAME="(.*)"/.exec(files['/etc/os-release']!)![1]).toBe(base)
  expect(own).toEqual(environment)
  expect(signal).toBe(stopSignal)
  expect(Object.keys(programs).flatMap((path) => /^\/docker-entrypoint\.d\/(\d+)-/.exec(path)?.[1] ?? []).sort()).toEqual(scripts)
  expect(entrypoint).toEqual(scripts.length > 0 ? ['/docker-entrypoint.sh'] : [])
})

it('before 1.18 says nothing when it starts, has no curl, and another welcome page', () => {
  const { output, head } = started('1.14.2')
  expect(output.split('\n')[0]).toMatch(/^10\.244\.\d+\.\d+ - - \[.*"GET \/ HTTP\/1\.1" 200 612 /)
  expect(head.head!.headers).toContainEqual(['Content-Length', '612'])
  expect(Object.keys(image('1.14.2').programs)).not.toContain('/usr/bin/curl')
})

it('1.19 has two scripts, which say no "info:" yet', () => {
  expect(started('1.19.0').output).toContain('10-listen-on-ipv6-by-default.sh: error: ipv6 not available\n/docker-entrypoint.sh: Launching /docker-entrypoint.d/20-envsubst-on-templates.sh\n/docker-entrypoint.sh: Configuration complete; ready for start up\n10.')
})

it('error_log says from which level on the log is written, and worker_processes how many there are', () => {
  const conf = (head: string): Record<string, string> => ({ '/etc/nginx/nginx.conf': `${head}\nevents {}\nhttp { server { listen 80; return 204; } }\n` })
  expect(started('1.27', conf('')).output).not.toContain('[notice]')
  const told = started('1.27', conf('worker_processes 3;\nerror_log stderr info;')).output
  expect(told.match(/start worker process \d+/g)).toHaveLength(3)
  expect(started('1.27', conf('error_log stderr loud;')).output).toContain('[emerg] 1#1: invalid log level "loud" in /etc/nginx/nginx.conf:1')
})
