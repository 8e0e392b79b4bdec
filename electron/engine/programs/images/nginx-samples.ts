import { byName } from '../../own.ts'
import { alpine, withUser } from './bases.ts'
import type { ImageContent, Repository } from './build.ts'
import { nginxContent } from './nginx.ts'

/** Images that tutorials make from nginx with a page or a configuration of their own. */
const CONF = '/etc/nginx/conf.d/default.conf'
const NGINX_USER = { uid: 101, gid: 101, name: 'nginx' }

/** registry.k8s.io/nginx-slim of the StatefulSet tutorial: the welcome page, and curl. */
function nginxSlim(tag: string): ImageContent | undefined {
  const version = /^0\.[1-9]$/.test(tag) ? '1.11.1' : /^0\.2[0-7]$/.test(tag) ? '1.23.4' : undefined
  const base = version === undefined ? undefined : nginxContent(version)
  return base && { ...base, size: 73_000_000, entrypoint: [], programs: { ...base.programs, '/usr/bin/curl': 'curl' }, exposedPorts: ['80/tcp', '443/tcp'] }
}

/** "Connect a Frontend to a Backend Using Services" (examples/service/access): nginx 1.9.14 before the Service hello, whose name it asks once, when it starts. */
function helloFrontend(tag: string): ImageContent | undefined {
  const base = tag === '1.0' ? nginxContent('1.9.14') : undefined
  if (!base) return undefined
  const { [CONF]: _, ...files } = base.files!
  return {
    ...base, quiet: false,
    files: { ...files, '/etc/nginx/conf.d/frontend.conf': 'upstream hello {\n    server hello;\n}\n\nserver {\n    listen 80;\n\n    location / {\n        proxy_pass http://hello;\n    }\n}\n' },
  }
}

/** nginxinc/docker-nginx-unprivileged: not root, hence port 8080 and all that it writes below /tmp. */
function unprivileged(tag: string): ImageContent | undefined {
  const base = nginxContent(tag)
  if (!base) return undefined
  const files = { ...base.files! }
  files['/etc/nginx/nginx.conf'] = files['/etc/nginx/nginx.conf']!.replace(/^user .*\n/m, '').replace(/^(pid +)\S+;/m, '$1/tmp/nginx.pid;').replace('http {\n', () => `http {\n${['proxy_temp_path /tmp/proxy', 'client_body_temp_path /tmp/client', 'fastcgi_temp_path /tmp/fastcgi', 'uwsgi_temp_path /tmp/uwsgi', 'scgi_temp_path /tmp/scgi'].map((path) => `    ${path}_temp;\n`).join('')}\n`)
  files[CONF] = files[CONF]!.replace('listen       80;', 'listen       8080;')
  return { ...base, files, user: NGINX_USER, exposedPorts: ['8080/tcp'], owners: { '/etc/nginx': { uid: 101, gid: 0 }, '/etc/nginx/conf.d': { uid: 101, gid: 0 }, '/var/cache/nginx': { uid: 101, gid: 0 } } }
}

/**
 * wbitt/network-multitool (before: praqma/network-multitool): network tools, and nginx that says who it is, at HTTP_PORT
 * and HTTPS_PORT. Tags as its README has them; those after `jq` are in the image and not simulated.
 */
const MULTITOOL: Readonly<Record<string, string>> = byName({
  '/bin': 'bash ping', '/sbin': 'ip bridge ss', '/usr/sbin': 'arping tracepath mtr', '/usr/bin': 'curl dig nslookup host openssl tcpdump jq tcptraceroute wget',
})
const EXTRA: Readonly<Record<string, string>> = byName({ '/usr/sbin': 'ethtool', '/usr/bin': 'git nmap iperf3 psql mysql ssh tshark perl python3 lftp rsync socat' })

function multitool(tag: string): ImageContent | undefined {
  const isExtra = /^(alpine-)?extra$/.test(tag)
  if (!isExtra && !/^(latest|minimal|alpine-minimal)$/.test(tag)) return undefined
  const base = withUser(alpine(['bash'], { extras: true }), 'nginx:x:100:101:nginx:/var/lib/nginx:/sbin/nologin', 'nginx:x:101:nginx')
  const programs = { ...base.programs }
  for (const [directory, names] of [...Object.entries(MULTITOOL), ...(isExtra ? Object.entries(EXTRA) : [])]) {
    for (const name of names.split(' ')) {
      for (const path of Object.keys(programs)) if (path.endsWith(`/${name}`)) delete programs[path]
      programs[`${directory}/${name}`] = name
    }
  }
  const server = nginxContent('1.27-alpine')!.files!
  return {
    ...base,
    size: isExtra ? 76_500_000 : 24_300_000,
    programs: { ...programs, '/usr/sbin/nginx': 'nginx', '/docker/entrypoint.sh': 'multitool-entrypoint' },
    directories: [...(base.directories ?? []), '/certs', '/var/cache/nginx', '/var/lib/nginx', '/var/log/nginx', '/run/nginx'],
    files: {
      ...base.files,
      '/etc/nginx/mime.types': server['/etc/nginx/mime.types']!,
      '/etc/nginx/nginx.conf': server['/etc/nginx/nginx.conf']!.replace('worker_processes  auto;', 'worker_processes  1;').replace(/error_log +\S+ \w+;/, 'error_log  /dev/stderr warn;').replace(/access_log +\S+ /, 'access_log  /dev/stdout '),
      [CONF]: 'server {\n    listen       80;\n    listen       443 ssl;\n    server_name  localhost;\n\n    ssl_certificate      /certs/server.crt;\n    ssl_certificate_key  /certs/server.key;\n\n    location / {\n        root   /usr/share/nginx/html;\n        index  index.html index.htm;\n    }\n}\n',
      '/usr/share/nginx/html/index.html': 'Network MultiTool (with NGINX)\n',
    },
    environment: { NGINX_VERSION: '1.28.0' },
    entrypoint: ['/docker/entrypoint.sh'],
    command: ['/usr/sbin/nginx', '-g', 'daemon off;'],
    exposedPorts: ['80/tcp', '443/tcp', '1180/tcp', '11443/tcp'],
  }
}

export const nginxSampleRepositories: readonly Repository[] = [
  ...['registry.k8s.io/nginx-slim', 'k8s.gcr.io/nginx-slim', 'gcr.io/google_containers/nginx-slim', 'gcr.io/google-containers/nginx-slim'].map((name) => ({ name, tag: nginxSlim })),
  ...['gcr.io/google-samples/hello-frontend', 'us-docker.pkg.dev/google-samples/containers/gke/hello-frontend'].map((name) => ({ name, tag: helloFrontend })),
  ...['docker.io/nginxinc/nginx-unprivileged', 'quay.io/nginx/nginx-unprivileged', 'ghcr.io/nginx/nginx-unprivileged', 'ghcr.io/nginxinc/nginx-unprivileged'].map((name) => ({ name, tag: unprivileged })),
  ...['docker.io/wbitt/network-multitool', 'docker.io/praqma/network-multitool'].map((name) => ({ name, tag: multitool })),
]
