import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { apacheNotFound, servePhp, type PhpAnswer } from './apache-php.ts'
import { become } from './become.ts'
import { splitTarget } from './http/go.ts'
import { headerOf, type Headers } from './http/message.ts'
import type { HttpRequest } from './http/server.ts'
import { MysqlConnection } from './mysql/client.ts'

/**
 * docker.io/library/wordpress (docker-library/wordpress; WordPress' wp-includes/load.php, functions.php and class-wpdb.php) as
 * far as a network can show: each page asks MySQL first. Without it there is 500; without its tables the way to the
 * installation, whose form is all that there is of WordPress itself.
 */
const ROOT = '/var/www/html'
const SOURCE = '/usr/src/wordpress'
/** default_socket_timeout, ms. */
const CONNECT_TIMEOUT = 60_000
const HTML = 'text/html; charset=UTF-8'

/** What its files say, as the image brings them; a volume may have those of another. */
function versionOf({ fs }: Process): string {
  const file = `${fs.exists(`${ROOT}/wp-includes/version.php`) ? ROOT : SOURCE}/wp-includes/version.php`
  return (fs.exists(file) ? /\$wp_version = '([^']+)'/.exec(fs.readText(file))?.[1] : undefined) ?? '6.8.1'
}

interface Database { host: string; port: number; user: string; password: string; name: string }

/** getenv_docker of wp-config-docker.php. */
function settingOf(process: Process, name: string, preset: string): string {
  const file = process.env.get(`${name}_FILE`)
  if (file && process.fs.exists(file)) return process.fs.readText(file).replace(/[\r\n]+$/, '')
  return process.env.get(name) ?? preset
}

function databaseOf(process: Process): Database {
  const old = versionOf(process).startsWith('4.')
  // DB_HOST may end with a port or a socket
  const [host = '', port = ''] = settingOf(process, 'WORDPRESS_DB_HOST', 'mysql').split(':')
  return {
    host, port: Number(port || 3306),
    user: settingOf(process, 'WORDPRESS_DB_USER', old ? 'root' : 'example username'),
    password: settingOf(process, 'WORDPRESS_DB_PASSWORD', old ? '' : 'example password'),
    name: settingOf(process, 'WORDPRESS_DB_NAME', 'wordpress'),
  }
}

/** docker-entrypoint.sh: brings the files when there are none, then becomes the command. */
export const wordpressEntrypoint: Program = function* (process) {
  const { fs } = process
  const command = process.argv.slice(1)
  if (!command[0]?.startsWith('apache2')) return yield* become(process, command)
  const old = versionOf(process).startsWith('4.')
  if (!fs.exists(`${ROOT}/index.php`) && !fs.exists(`${ROOT}/wp-includes/version.php`)) {
    yield* process.printError(`WordPress not found in ${ROOT} - copying now...\n`)
    const found = fs.readDirectory(ROOT)
    if (found.length > 0) yield* process.printError(`WARNING: ${ROOT} is not empty! (copying anyhow)\n`)
    yield* process.sleep(2000, { background: false })
    for (const path of ['index.php', 'wp-login.php', 'wp-config-sample.php', 'wp-admin/install.php', 'wp-includes/version.php', 'wp-content/index.php']) {
      fs.makeDirectory(`${ROOT}/${path}`.replace(/\/[^/]+$/, ''), { parents: true })
      fs.writeFile(`${ROOT}/${path}`, fs.readFile(`${SOURCE}/${path}`))
    }
    yield* process.printError(`Complete! WordPress has been successfully copied to ${ROOT}\n`)
  }
  if (old) {
    const failed = yield* waitForDatabase(process)
    if (failed !== undefined) return failed
  }
  const given = [...process.env.keys()].filter((name) => name.startsWith('WORDPRESS_')).sort()
  if (!fs.exists(`${ROOT}/wp-config.php`) && given.length > 0) {
    if (!old) yield* process.printError(`No 'wp-config.php' found in ${ROOT}, but 'WORDPRESS_...' variables supplied; copying 'wp-config-docker.php' (${given.join(' ')})\n`)
    fs.writeFile(`${ROOT}/wp-config.php`, '<?php // podhop: what it says comes from the WORDPRESS_… variables\n')
  }
  return yield* become(process, command)
}

/** Up to 2020 the entrypoint made the database itself, and gave up after ten tries, three seconds apart. */
function* waitForDatabase(process: Process): Task<number | undefined> {
  const database = databaseOf(process)
  for (let left = 10; ;) {
    const client = yield* MysqlConnection.connect(process, { ...database, database: '', timeout: CONNECT_TIMEOUT }, database.password)
    if (client instanceof MysqlConnection) {
      const made = yield* client.ask(3, `CREATE DATABASE IF NOT EXISTS \`${database.name}\``)
      client.close()
      if (!('code' in made)) return undefined
      yield* process.printError(`\nMySQL "CREATE DATABASE" Error: ${made.message}\n`)
      return 1
    }
    const [code, why] = client.code > 2000 ? [2002, PHP_WORDS[/\((\d+)\)$/.exec(client.message)?.[1] ?? ''] ?? 'php_network_getaddresses: getaddrinfo failed: Name or service not known'] : [client.code, client.message]
    yield* process.printError(`\nWarning: mysqli::__construct(): (HY000/${code}): ${why} in Standard input code on line 22\n\nMySQL Connection Error: (${code}) ${why}\n`)
    if (--left <= 0) return 1
    yield* process.sleep(3000, { background: false })
  }
}

const PHP_WORDS: Readonly<Record<string, string>> = { 101: 'Network is unreachable', 104: 'Connection reset by peer', 110: 'Connection timed out', 111: 'Connection refused', 113: 'No route to host' }

export const wordpress: Program = (process) => {
  const version = versionOf(process)
  const php = process.env.get('PHP_VERSION') ?? '8.2.28'
  const apache = version.startsWith('4.') ? '2.4.10' : /^5\.|^6\.[0-2](\.|$)/.test(version) ? '2.4.56' : '2.4.62'
  return servePhp(process, { apache, php, answer: (_, request) => page(process, request, version, apache) })
}

function* page(process: Process, request: HttpRequest, version: string, apache: string): Task<PhpAnswer> {
  const { path, query } = splitTarget(request.target)
  const file = `${ROOT}${path}`
  // what lies there is served as it is; everything else is WordPress' (mod_rewrite)
  if (!path.endsWith('.php') && path !== '/' && process.fs.exists(file) && process.fs.stat(file).type === 'file') return { status: 200, type: 'text/plain', body: process.fs.readText(file), php: false }
  if (!process.fs.exists(`${ROOT}/index.php`)) return apacheNotFound(request, apache)
  const installs = path === '/wp-admin/install.php'
  const host = headerOf(request.headers, 'host') ?? ''
  const old = /^[45]\.|^6\.[0-2](\.|$)/.test(version)
  const fresh: Headers = [['Expires', 'Wed, 11 Jan 1984 05:00:00 GMT'], ['Cache-Control', old ? 'no-cache, must-revalidate, max-age=0' : 'no-cache, must-revalidate, max-age=0, no-store, private']]
  if (!process.fs.exists(`${ROOT}/wp-config.php`)) return path === '/wp-admin/setup-config.php' ? notSimulated('its wp-config.php by the browser (WORDPRESS_DB_HOST and its like are)') : redirect(fresh, `http://${host}/wp-admin/setup-config.php`)
  const state = yield* askDatabase(process)
  if (state === 'unreachable') return installs ? died(fresh, 'WordPress &rsaquo; Error', unreachable(databaseOf(process))) : died(fresh, 'Database Error', '<h1>Error establishing a database connection</h1>')
  if (state === 'unselectable') return died(fresh, 'WordPress &rsaquo; Error', `<h1>Cannot select database</h1>\n<p>The database server could be connected to (which means your username and password is okay) but the <code>${databaseOf(process).name}</code> database could not be selected.</p>`)
  if (!installs) return redirect(fresh, `http://${host}/wp-admin/install.php`)
  if (request.method === 'POST' && query.get('step') === '2') return notSimulated("WordPress' installation (what leads to it is: its front page, its database, the form)")
  return { status: 200, type: 'text/html; charset=utf-8', php: true, headers: fresh, body: INSTALL }
}

/** wpdb: connect, then select. */
function* askDatabase(process: Process): Task<'ready' | 'unreachable' | 'unselectable'> {
  const database = databaseOf(process)
  const client = yield* MysqlConnection.connect(process, { ...database, database: '', timeout: CONNECT_TIMEOUT }, database.password)
  if (!(client instanceof MysqlConnection)) return 'unreachable'
  const used = yield* client.ask(3, `USE \`${database.name}\``)
  client.close()
  return 'code' in used ? 'unselectable' : 'ready'
}

function redirect(fresh: Headers, to: string): PhpAnswer {
  return { status: 302, type: HTML, php: true, headers: [...fresh, ['X-Redirect-By', 'WordPress'], ['Location', to]], body: '' }
}

function notSimulated(what: string): PhpAnswer {
  return { status: 501, type: 'text/plain', php: true, body: `podhop: not simulated: ${what}\n` }
}

/** wp_die. */
function died(fresh: Headers, title: string, message: string): PhpAnswer {
  return {
    status: 500, type: 'text/html; charset=utf-8', php: true, headers: fresh,
    body: `<!DOCTYPE html>\n<html lang="en-US">\n<head>\n\t<meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />\n\t<meta name="viewport" content="width=device-width">\n\t\t<meta name='robots' content='max-image-preview:large, noindex, follow' />\n\t<title>${title}</title>\n</head>\n<body id="error-page">\n\t<div class="wp-die-message">${message}</div></body>\n</html>\n`,
  }
}

const unreachable = ({ host, port }: Database): string => `<h1>Error establishing a database connection</h1>
<p>This either means that the username and password information in your <code>wp-config.php</code> file is incorrect or that contact with the database server at <code>${host}${port === 3306 ? '' : `:${port}`}</code> could not be established. This could mean your host&#8217;s database server is down.</p>
`

const INSTALL = `<!DOCTYPE html>
<html lang="en-US">
<head>
<meta name="viewport" content="width=device-width" />
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<title>WordPress &rsaquo; Installation</title>
</head>
<body class="wp-core-ui language-chooser">
<p id="logo">WordPress</p>
<form id="setup" method="post" action="?step=1"><label class='screen-reader-text' for='language'>Select a default language</label>
<p class="step"><input type="submit" value="Continue" /></p>
</form>
<!-- podhop: the installation itself is not simulated -->
</body>
</html>
`
