import { alpine, debian, type Base } from './bases.ts'
import { PATH, splitTag, versionParts, type ImageContent, type Repository } from './build.ts'

/** docker.io/library/httpd: the last versions of 2.4. */
const LATEST = 63

/** Modules of the image's httpd.conf, and those that stand there to be switched on. */
const MODULES = 'mpm_event authn_file authn_core authz_host authz_groupfile authz_user authz_core access_compat auth_basic reqtimeout filter mime log_config env headers setenvif version unixd status autoindex alias dir'.split(' ')
const OTHERS = 'mpm_prefork mpm_worker deflate expires proxy proxy_connect proxy_ftp proxy_http proxy_fcgi proxy_wstunnel proxy_balancer socache_shmcb ssl http2 info cgid vhost_alias userdir rewrite'.split(' ')
const load = (name: string): string => `LoadModule ${name}_module modules/mod_${name}.so`

const CONF = `ServerRoot "/usr/local/apache2"

#Listen 12.34.56.78:80
Listen 80

${[...MODULES.map(load), ...OTHERS.map((name) => `#${load(name)}`)].join('\n')}

<IfModule unixd_module>
User www-data
Group www-data
</IfModule>

ServerAdmin you@example.com

#ServerName www.example.com:80

<Directory />
    AllowOverride none
    Require all denied
</Directory>

DocumentRoot "/usr/local/apache2/htdocs"
<Directory "/usr/local/apache2/htdocs">
    Options Indexes FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>

<IfModule dir_module>
    DirectoryIndex index.html
</IfModule>

<Files ".ht*">
    Require all denied
</Files>

ErrorLog /proc/self/fd/2
LogLevel warn

<IfModule log_config_module>
    LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
    LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
    CustomLog /proc/self/fd/1 common
</IfModule>

<IfModule alias_module>
    ScriptAlias /cgi-bin/ "/usr/local/apache2/cgi-bin/"
</IfModule>

<Directory "/usr/local/apache2/cgi-bin">
    AllowOverride None
    Options None
    Require all granted
</Directory>

<IfModule headers_module>
    RequestHeader unset Proxy early
</IfModule>

<IfModule mime_module>
    TypesConfig conf/mime.types
    AddType application/x-compress .Z
    AddType application/x-gzip .gz .tgz
</IfModule>

#Include conf/extra/httpd-mpm.conf
#Include conf/extra/httpd-autoindex.conf
#Include conf/extra/httpd-vhosts.conf
#Include conf/extra/httpd-default.conf
#Include conf/extra/httpd-ssl.conf

<IfModule ssl_module>
SSLRandomSeed startup builtin
SSLRandomSeed connect builtin
</IfModule>
`

/** A few of the many lines; the types are known without them. */
const TYPES = 'text/html\thtml htm\ntext/plain\ttxt text conf def list log in\ntext/css\tcss\ntext/javascript\tjs mjs\napplication/json\tjson\nimage/png\tpng\nimage/jpeg\tjpeg jpg jpe\nimage/gif\tgif\nimage/svg+xml\tsvg svgz\n'

/** Alpine has the group alone. */
function withAccount(base: Base): Base {
  return { ...base, files: { ...base.files, '/etc/passwd': `${base.files!['/etc/passwd']!}www-data:x:82:82:Linux User,,,:/home/www-data:/sbin/nologin\n` } }
}

function content(tag: string): ImageContent | undefined {
  const { version, flavour } = splitTag(tag)
  if (!/^(|alpine[0-9.]*|bookworm|trixie)$/.test(flavour)) return undefined
  const parts = versionParts(version)
  const word = ['latest', 'alpine', 'bookworm'].includes(version)
  if (!word && !(parts && !version.startsWith('v') && parts[0] === 2 && (parts[1] ?? 4) === 4 && parts.length <= 3 && (parts[2] ?? LATEST) <= LATEST)) return undefined
  const isAlpine = version === 'alpine' || flavour.startsWith('alpine')
  const base = isAlpine ? withAccount(alpine()) : debian({ slim: true })
  return {
    ...base,
    size: isAlpine ? 27_142_112 : 57_821_394,
    command: ['httpd-foreground'],
    environment: { PATH: `/usr/local/apache2/bin:${PATH}`, HTTPD_PREFIX: '/usr/local/apache2', HTTPD_VERSION: `2.4.${parts?.[2] ?? LATEST}`, HTTPD_PATCHES: '' },
    workingDirectory: '/usr/local/apache2',
    files: { ...base.files, '/usr/local/apache2/htdocs/index.html': '<html><body><h1>It works!</h1></body></html>\n', '/usr/local/apache2/conf/httpd.conf': CONF, '/usr/local/apache2/conf/mime.types': TYPES },
    programs: { ...base.programs, '/usr/local/apache2/bin/httpd': 'apache-httpd', '/usr/local/bin/httpd-foreground': 'httpd-foreground' },
    directories: [...(base.directories ?? []), ...['logs', 'cgi-bin', 'conf/extra', 'conf/original', 'build', 'error', 'icons', 'include', 'modules'].map((name) => `/usr/local/apache2/${name}`)],
    owners: { '/usr/local/apache2': isAlpine ? { uid: 82, gid: 82 } : { uid: 33, gid: 33 } },
    exposedPorts: ['80/tcp'],
    stopSignal: 'SIGWINCH',
  }
}

export const httpdRepository: Repository = { name: 'docker.io/library/httpd', tag: content }
