import type { Process } from '../../machine/types.ts'
import { own } from '../../own.ts'

/** httpd.conf as far as it is simulated: one server, its ports, its files. */
export interface HttpdConfig {
  listens: { address: string | undefined; port: number }[]
  documentRoot: string
  serverName: string | undefined
  index: string[]
  /** Options Indexes of the document root. */
  indexes: boolean
  accessLog: boolean
  /** User and StartServers. */
  user: string
  workers: number
  aliases: { path: string; target: string }[]
  redirects: { path: string; target: string; status: number }[]
  headers: [string, string][]
}

export class HttpdSyntaxError extends Error {}
/** A directive that real httpd knows, and Podhop does not simulate. */
export class HttpdNotSimulated extends Error {}

export const SERVER_ROOT = '/usr/local/apache2'

/** Change nothing that a simulation shows. */
const HARMLESS = new Set([
  'loadmodule', 'group', 'serveradmin', 'serverroot', 'errorlog', 'loglevel', 'logformat', 'typesconfig', 'addtype', 'addencoding', 'mimemagicfile', 'timeout', 'keepalive',
  'maxkeepaliverequests', 'keepalivetimeout', 'usecanonicalname', 'hostnamelookups', 'sslrandomseed', 'minsparethreads', 'maxsparethreads', 'threadsperchild',
  'maxrequestworkers', 'maxconnectionsperchild', 'pidfile', 'scriptsock', 'requestheader', 'enablemmap', 'enablesendfile', 'adddefaultcharset', 'allowoverride', 'scriptalias', 'serversignature', 'filematch', 'extendedstatus',
])
const KNOWN = new Set([
  'proxypass', 'proxypassreverse', 'proxypreservehost', 'rewriteengine', 'rewriterule', 'rewritecond', 'sslengine', 'sslcertificatefile', 'sslcertificatekeyfile', 'authtype', 'authname', 'authuserfile', 'addhandler', 'sethandler', 'errordocument',
  'namevirtualhost', 'include', 'includeoptional', 'setenv', 'setenvif', 'virtualdocumentroot', 'expiresactive', 'fallbackresource', 'servertokens', 'serveralias', 'location', 'virtualhost', 'proxy', 'locationmatch', 'directorymatch', 'if', 'limit', 'userdir',
])

export function readHttpdConfig(process: Process, file: string): HttpdConfig {
  const config: HttpdConfig = { listens: [], documentRoot: `${SERVER_ROOT}/htdocs`, serverName: undefined, index: ['index.html'], indexes: false, accessLog: false, user: 'www-data', workers: 3, aliases: [], redirects: [], headers: [] }
  /** Open sections, innermost last; what is in a directory other than the document root changes nothing here. */
  const sections: { name: string; argument: string }[] = []
  const text = process.fs.readText(file).replace(/\\\n/g, ' ')
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const fail = (message: string): HttpdSyntaxError => new HttpdSyntaxError(`AH00526: Syntax error on line ${i + 1} of ${file}:\n${message}`)
    const closing = /^<\/(\w+)>$/.exec(line)
    if (closing) {
      const open = sections.pop()
      if (open?.name !== closing[1]!.toLowerCase()) throw fail(`</${closing[1]}> without matching <${closing[1]}> section`)
      return
    }
    const opening = /^<(\w+)\s*(.*?)>$/.exec(line)
    if (opening) {
      const name = opening[1]!.toLowerCase()
      if (!['directory', 'ifmodule', 'files', 'filesmatch', 'ifdefine'].includes(name)) {
        if (KNOWN.has(name)) throw new HttpdNotSimulated(`httpd section <${opening[1]}>`)
        throw fail(`Invalid command '<${opening[1]}', perhaps misspelled or defined by a module not included in the server configuration`)
      }
      sections.push({ name, argument: unquote(opening[2]!) })
      return
    }
    const [name = '', ...args] = (line.match(/"[^"]*"|\S+/g) ?? []).map(unquote)
    const skipped = sections.some((s) => s.name === 'ifmodule' && /^!?(ssl|cgid|proxy_html|headers|userdir)_module$/.test(s.argument) && s.argument !== 'headers_module')
    if (skipped) return
    apply(config, name, args, sections.at(-1), fail)
  })
  if (sections.length > 0) throw new HttpdSyntaxError(`AH00526: Syntax error on line ${text.split('\n').length} of ${file}:\n<${sections.at(-1)!.name}> was not closed.`)
  return config
}

function unquote(text: string): string {
  return text.replace(/^"(.*)"$/s, '$1')
}

function apply(config: HttpdConfig, name: string, args: string[], section: { name: string; argument: string } | undefined, fail: (message: string) => Error): void {
  const first = args[0] ?? ''
  const inRoot = section === undefined || section.name !== 'directory' || section.argument === config.documentRoot
  switch (name.toLowerCase()) {
    case 'listen': {
      const match = /^(?:(\[[0-9a-fA-F:]+\]|[0-9.]+):)?(\d+)$/.exec(first)
      const port = Number(match?.[2])
      if (!match || port < 1 || port > 65_535) throw fail('Port must be specified')
      config.listens.push({ address: match[1]?.replace(/^\[|\]$/g, ''), port })
      return
    }
    case 'documentroot':
      config.documentRoot = first.startsWith('/') ? first.replace(/(.)\/$/, '$1') : `${SERVER_ROOT}/${first}`
      return
    case 'user':
      config.user = first
      return
    case 'startservers':
      if (!/^\d+$/.test(first)) throw fail('StartServers requires a non-negative integer')
      config.workers = Math.min(Number(first), 16)
      return
    case 'servername':
      config.serverName = first
      return
    case 'directoryindex':
      config.index = args
      return
    case 'options':
      if (inRoot && section?.name === 'directory') config.indexes = args.some((o) => /^\+?(Indexes|All)$/i.test(o))
      return
    case 'customlog':
      config.accessLog = first !== '/dev/null'
      return
    case 'alias':
      config.aliases.push({ path: first, target: args[1] ?? '' })
      return
    case 'redirect': {
      const word = args.length > 2 ? first : '302'
      const status = own({ permanent: 301, temp: 302, seeother: 303 }, word) ?? Number(word)
      config.redirects.push({ path: args.at(-2) ?? '/', target: args.at(-1) ?? '', status })
      return
    }
    case 'header':
      if (first !== 'set' && first !== 'add' && first !== 'always') throw new HttpdNotSimulated(`httpd directive "Header ${first}"`)
      config.headers.push([args.at(-2) ?? '', args.at(-1) ?? ''])
      return
    case 'require':
      if (inRoot && section?.name === 'directory' && args.join(' ') !== 'all granted') throw new HttpdNotSimulated(`httpd directive "Require ${args.join(' ')}" for the document root`)
      return
    default:
      if (HARMLESS.has(name.toLowerCase())) return
      if (KNOWN.has(name.toLowerCase())) throw new HttpdNotSimulated(`httpd directive "${name}"`)
      throw fail(`Invalid command '${name}', perhaps misspelled or defined by a module not included in the server configuration`)
  }
}
