import { alpine, debian, type Base } from './bases.ts'
import { PATH, splitTag, versionParts, type ImageContent, type Repository } from './build.ts'

/** docker.io/library/httpd: the last versions of 2.4. */
const LATEST = 63

const CONF = `ServerRoot "/usr/local/apache2"

Listen 80

LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule mime_module modules/mod_mime.so
LoadModule log_config_module modules/mod_log_config.so
LoadModule headers_module modules/mod_headers.so
LoadModule unixd_module modules/mod_unixd.so
LoadModule autoindex_module modules/mod_autoindex.so
LoadModule dir_module modules/mod_dir.so
LoadModule alias_module modules/mod_alias.so

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
    LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
    CustomLog /proc/self/fd/1 common
</IfModule>

<IfModule mime_module>
    TypesConfig conf/mime.types
</IfModule>
`

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
    files: { ...base.files, '/usr/local/apache2/htdocs/index.html': '<html><body><h1>It works!</h1></body></html>\n', '/usr/local/apache2/conf/httpd.conf': CONF },
    programs: { ...base.programs, '/usr/local/apache2/bin/httpd': 'apache-httpd', '/usr/local/bin/httpd-foreground': 'httpd-foreground' },
    directories: [...(base.directories ?? []), '/usr/local/apache2/logs', '/usr/local/apache2/cgi-bin'],
    exposedPorts: ['80/tcp'],
    stopSignal: 'SIGWINCH',
  }
}

export const httpdRepository: Repository = { name: 'docker.io/library/httpd', tag: content }
