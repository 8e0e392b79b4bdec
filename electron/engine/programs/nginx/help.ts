/** What `nginx -h` and `nginx -V` say of the official packages. */
export const HELP = `Usage: nginx [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: /etc/nginx/)
  -e filename   : set error log file (default: /var/log/nginx/error.log)
  -c filename   : set configuration file (default: /etc/nginx/nginx.conf)
  -g directives : set global directives out of configuration file

`

const MODULES = [
  'http_addition', 'http_auth_request', 'http_dav', 'http_flv', 'http_gunzip', 'http_gzip_static', 'http_mp4', 'http_random_index', 'http_realip', 'http_secure_link', 'http_slice', 'http_ssl', 'http_stub_status', 'http_sub', 'http_v2', 'http_v3',
]

/** `nginx -V`. */
export function versionText(version: string, { gcc, openssl }: { gcc: string; openssl: string }): string {
  const options = [
    '--prefix=/etc/nginx', '--sbin-path=/usr/sbin/nginx', '--modules-path=/usr/lib/nginx/modules', '--conf-path=/etc/nginx/nginx.conf', '--error-log-path=/var/log/nginx/error.log', '--http-log-path=/var/log/nginx/access.log', '--pid-path=/run/nginx.pid',
    '--lock-path=/run/nginx.lock', '--http-client-body-temp-path=/var/cache/nginx/client_temp', '--http-proxy-temp-path=/var/cache/nginx/proxy_temp', '--http-fastcgi-temp-path=/var/cache/nginx/fastcgi_temp', '--http-uwsgi-temp-path=/var/cache/nginx/uwsgi_temp',
    '--http-scgi-temp-path=/var/cache/nginx/scgi_temp', '--user=nginx', '--group=nginx', '--with-compat', '--with-file-aio', '--with-threads', ...MODULES.map((name) => `--with-${name}_module`), '--with-mail', '--with-mail_ssl_module', '--with-stream',
    '--with-stream_realip_module', '--with-stream_ssl_module', '--with-stream_ssl_preread_module',
  ]
  return `nginx version: nginx/${version}\nbuilt by gcc ${gcc} \nbuilt with OpenSSL ${openssl}\nTLS SNI support enabled\nconfigure arguments: ${options.join(' ')}\n`
}
