import type { NginxRelease } from './nginx-releases.ts'

/** The files of docker.io/library/nginx, as its packages bring them. */
const PLAIN_STYLE = `    body {
        width: 35em;
        margin: 0 auto;
        font-family: Tahoma, Verdana, Arial, sans-serif;
    }`
const DARK_STYLE = `html { color-scheme: light dark; }
body { width: 35em; margin: 0 auto;
font-family: Tahoma, Verdana, Arial, sans-serif; }`

const welcomePage = (style: string): string => `<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
<style>
${style}
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

const errorPage = (style: string): string => `<!DOCTYPE html>
<html>
<head>
<title>Error</title>
<style>
${style}
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

const nginxConf = (workers: string, level: string, pid: string): string => `
user  nginx;
worker_processes  ${workers};

error_log  /var/log/nginx/error.log ${level};
pid        ${pid};


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

const defaultConf = (charset: boolean): string => `server {
    listen       80;
    server_name  localhost;

${charset ? '    #charset koi8-r;\n' : ''}    #access_log  /var/log/nginx/host.access.log  main;

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

export const WELCOME_PAGE = welcomePage(DARK_STYLE)

/** `version`: "1.27.5". */
export function nginxFiles(version: string, { tellsNotices, charsetLine, darkMode }: NginxRelease): Record<string, string> {
  const style = darkMode ? DARK_STYLE : PLAIN_STYLE
  const [, minor = 0, patch = 0] = version.split('.').map(Number)
  const pid = minor >= 28 || (minor === 27 && patch >= 5) ? '/run/nginx.pid' : '/var/run/nginx.pid'
  return {
    '/usr/share/nginx/html/index.html': welcomePage(style),
    '/usr/share/nginx/html/50x.html': errorPage(style),
    '/etc/nginx/nginx.conf': nginxConf(tellsNotices ? 'auto' : '1', tellsNotices ? 'notice' : 'warn', pid),
    '/etc/nginx/conf.d/default.conf': defaultConf(charsetLine),
    '/etc/nginx/mime.types': MIME_TYPES,
  }
}
