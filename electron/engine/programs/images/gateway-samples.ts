import type { ImageContent, Repository } from './build.ts'
import { nginxRepository } from './nginx.ts'

/** What the guides of the Gateway API, of ingress controllers and of their conformance tests put behind them. */

const PLAIN = `server {
    listen PORT;
    listen [::]:PORT;

    location / {
        default_type text/plain;
        expires -1;
        return 200 'Server address: $server_addr:$server_port\\nServer name: $hostname\\nDate: $time_local\\nURI: $request_uri\\nRequest ID: $request_id\\n';
    }
}
`
const PAGES = `server {
    listen PORT;
    listen [::]:PORT;

    root /usr/share/nginx/html;
    try_files /index.html =404;

    expires -1;

    sub_filter_once off;
    sub_filter 'server_hostname' '$hostname';
    sub_filter 'server_address' '$server_addr:$server_port';
    sub_filter 'server_url' '$request_uri';
    sub_filter 'server_date' '$time_local';
    sub_filter 'request_id' '$request_id';
}
`
/** Podhop's own page with the same fields: the real one is mostly pictures and styles. */
const PAGE = `<!DOCTYPE html>
<html>
<head>
<title>Hello World</title>
</head>
<body>
<p><span>Server&nbsp;address:</span> <span>server_address</span></p>
<p><span>Server&nbsp;name:</span> <span>server_hostname</span></p>
<p><span>Date:</span> <span>server_date</span></p>
<p><span>URI:</span> <span>server_url</span></p>
<p>Request ID: request_id</p>
</body>
</html>
`

/** nginxdemos/hello (port 80) and nginxdemos/nginx-hello (8080, not root): nginx that says who it is; "plain-text" without HTML. Source: nginxinc/NGINX-Demos, nginx-hello and nginx-hello-nonroot. */
const hello = (port: number, user?: ImageContent['user']) => (tag: string): ImageContent | undefined => {
  if (!/^(latest|[0-9]+\.[0-9]+|([0-9]+\.[0-9]+-)?plain-text)$/.test(tag)) return undefined
  const base = nginxRepository.tag('mainline-alpine')!
  const { '/etc/nginx/conf.d/default.conf': _, ...files } = base.files ?? {}
  const plain = tag.endsWith('plain-text')
  return {
    ...base,
    files: { ...files, '/etc/nginx/conf.d/hello.conf': (plain ? PLAIN : PAGES).replaceAll('PORT', String(port)), ...(plain ? {} : { '/usr/share/nginx/html/index.html': PAGE }) },
    exposedPorts: [...new Set([...(base.exposedPorts ?? []), `${port}/tcp`])],
    // its Dockerfile lets everybody write the cache and nginx.pid (here: into /run)
    ...(user ? { user, owners: { '/var/cache/nginx': { uid: 101, gid: 101, mode: 0o777 }, '/run': { uid: 0, gid: 0, mode: 0o777 } } } : {}),
  }
}

/** Tags are "v" and the date, version and commit of a build. */
function echoBasic(tag: string): ImageContent | undefined {
  return /^(latest|v20[0-9]{6}-[0-9a-z.-]+)$/.test(tag) ? { size: 10_485_760, directories: ['/etc', '/proc', '/sys', '/dev', '/tmp', '/home/nonroot'], programs: { '/echo-basic': 'echo-basic' }, entrypoint: ['/echo-basic'], user: { uid: 65532, gid: 65532, name: 'nonroot' } } : undefined
}

export const gatewaySampleRepositories: readonly Repository[] = [
  { name: 'docker.io/nginxdemos/hello', tag: hello(80) },
  { name: 'docker.io/nginxdemos/nginx-hello', tag: hello(8080, { uid: 101, gid: 101, name: 'nginx' }) },
  { name: 'gcr.io/k8s-staging-gateway-api/echo-basic', tag: echoBasic },
]
