import { alpine, debian, withUser } from './bases.ts'
import { splitTag, versionParts, type ImageContent, type Repository } from './build.ts'

/** docker.io/library/nginx: Debian or Alpine with curl, serving its welcome page. */
const LAST_PATCH: Readonly<Record<number, number>> = { 7: 12, 8: 1, 9: 15, 10: 3, 11: 13, 12: 2, 13: 12, 14: 2, 15: 12, 16: 1, 17: 10, 18: 0, 19: 10, 20: 2, 21: 6, 22: 1, 23: 4, 24: 0, 25: 5, 26: 3, 27: 5, 28: 0, 29: 3 }
const MAINLINE = '1.27.5'
const STABLE = '1.26.3'

export const WELCOME_PAGE = `<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
<style>
html { color-scheme: light dark; }
body { width: 35em; margin: 0 auto;
font-family: Tahoma, Verdana, Arial, sans-serif; }
</style>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>If you see this page, the nginx web server is successfully installed and
working. Further configuration is required.</p>

<p>For online documentation and support please refer to
<a href="http://nginx.org/">nginx.org</a>.<br/>
Commercial support is available at
<a href="http://nginx.com/">nginx.com</a>.</p>

<p><em>Thank you for using nginx.</em></p>
</body>
</html>
`

const ERROR_PAGE = `<!DOCTYPE html>
<html>
<head>
<title>Error</title>
<style>
html { color-scheme: light dark; }
body { width: 35em; margin: 0 auto;
font-family: Tahoma, Verdana, Arial, sans-serif; }
</style>
</head>
<body>
<h1>An error occurred.</h1>
<p>Sorry, the page you are looking for is currently unavailable.<br/>
Please try again later.</p>
<p>If you are the system administrator of this resource then you should check
the error log for details.</p>
<p><em>Faithfully yours, nginx.</em></p>
</body>
</html>
`

const NGINX_CONF = `
user  nginx;
worker_processes  auto;

error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;


events {
    worker_connections  1024;
}


http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;

    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';

    access_log  /var/log/nginx/access.log  main;

    sendfile        on;
    #tcp_nopush     on;

    keepalive_timeout  65;

    #gzip  on;

    include /etc/nginx/conf.d/*.conf;
}
`

const DEFAULT_CONF = `server {
    listen       80;
    server_name  localhost;

    #access_log  /var/log/nginx/host.access.log  main;

    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }

    #error_page  404              /404.html;

    # redirect server error pages to the static page /50x.html
    #
    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   /usr/share/nginx/html;
    }

    # proxy the PHP scripts to Apache listening on 127.0.0.1:80
    #
    #location ~ \\.php$ {
    #    proxy_pass   http://127.0.0.1;
    #}

    # deny access to .htaccess files, if Apache's document root
    # concurs with nginx's one
    #
    #location ~ /\\.ht {
    #    deny  all;
    #}
}

`

const MIME_TYPES = `
types {
    text/html                                        html htm shtml;
    text/css                                         css;
    text/xml                                         xml;
    image/gif                                        gif;
    image/jpeg                                       jpeg jpg;
    application/javascript                           js;
    text/plain                                       txt;
    image/png                                        png;
    image/svg+xml                                    svg svgz;
    image/webp                                       webp;
    image/x-icon                                     ico;
    font/woff                                        woff;
    font/woff2                                       woff2;
    application/json                                 json;
    application/pdf                                  pdf;
    application/zip                                  zip;
    application/octet-stream                         bin exe dll;
}
`

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

/** What docker-entrypoint.sh runs, one after the other. */
const ENTRYPOINTS = ['10-listen-on-ipv6-by-default.sh', '15-local-resolvers.envsh', '20-envsubst-on-templates.sh', '30-tune-worker-processes.sh']

function content(tag: string): ImageContent | undefined {
  const { version: word, flavour } = splitTag(tag)
  if (!/^(|alpine[0-9.]*|alpine-slim|alpine[0-9.]*-slim|alpine-perl|alpine-otel|bookworm|bullseye|buster|perl|otel|slim|bookworm-perl)$/.test(flavour)) return undefined
  const version = versionOf(word)
  if (version === undefined) return undefined
  const isAlpine = word === 'alpine' || flavour.startsWith('alpine')
  const base = isAlpine ? withUser(alpine(flavour.includes('slim') ? [] : ['curl']), 'nginx:x:101:101:nginx:/var/cache/nginx:/sbin/nologin', 'nginx:x:101:nginx') : withUser(debian({ more: ['curl'], slim: true }), 'nginx:x:101:101:nginx user:/nonexistent:/bin/false', 'nginx:x:101:')
  return {
    size: isAlpine ? 20_534_125 : 72_404_038,
    entrypoint: ['/docker-entrypoint.sh'],
    quiet: true,
    command: ['nginx', '-g', 'daemon off;'],
    environment: { NGINX_VERSION: version, NJS_VERSION: '0.8.10', NJS_RELEASE: '1~bookworm', PKG_RELEASE: '1~bookworm', DYNPKG_RELEASE: '1~bookworm' },
    files: {
      ...base.files,
      '/usr/share/nginx/html/index.html': WELCOME_PAGE,
      '/usr/share/nginx/html/50x.html': ERROR_PAGE,
      '/etc/nginx/nginx.conf': NGINX_CONF,
      '/etc/nginx/conf.d/default.conf': DEFAULT_CONF,
      '/etc/nginx/mime.types': MIME_TYPES,
    },
    programs: { ...base.programs, '/usr/sbin/nginx': 'nginx', '/docker-entrypoint.sh': 'nginx-entrypoint', ...Object.fromEntries(ENTRYPOINTS.map((name) => [`/docker-entrypoint.d/${name}`, 'nginx-entrypoint'])) },
    symlinks: { ...base.symlinks, '/var/log/nginx/access.log': '/dev/stdout', '/var/log/nginx/error.log': '/dev/stderr' },
    directories: [...(base.directories ?? []), '/var/log/nginx', '/var/cache/nginx'],
    exposedPorts: ['80/tcp'],
    stopSignal: 'SIGQUIT',
  }
}

export const nginxRepository: Repository = { name: 'docker.io/library/nginx', tag: content }
