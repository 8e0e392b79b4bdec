import { byName, own } from '../../../engine/own.ts'

/** What OpenSSH's client is asked to do: ssh(1), ssh_config(5), texts of 9.2 (readconf.c, ssh.c). */
export interface Settings {
  host: string
  /** As it was written: what the configuration knows it by. */
  alias: string
  user: string
  port: number
  family: 4 | 6 | undefined
  /** ms; undefined: as long as the kernel tries. */
  timeout: number | undefined
  /** ms between questions whether the server is there (0: none), and how many may go unanswered. */
  aliveInterval: number
  aliveCount: number
  quiet: boolean
  /** A terminal on the other side: -t, -T, or as there is one here. */
  terminal: boolean | undefined
  noInput: boolean
  command: readonly string[]
}

export type Asked = { settings: Settings; warnings: string } | { say: string; code: number }

export const VERSION = 'OpenSSH_9.2p1 Debian-2+deb12u6, OpenSSL 3.0.16 11 Feb 2025\n'
const USAGE = `usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface]
           [-b bind_address] [-c cipher_spec] [-D [bind_address:]port]
           [-E log_file] [-e escape_char] [-F configfile] [-I pkcs11]
           [-i identity_file] [-J [user@]host[:port]] [-L address]
           [-l login_name] [-m mac_spec] [-O ctl_cmd] [-o option] [-p port]
           [-Q query_option] [-R address] [-S ctl_path] [-W host:port]
           [-w local_tun[:remote_tun]] destination [command [argument ...]]
`
const FAILED = 255
const NOT_SIMULATED = 69
const OPTIONS = '1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy'

/** Options of the configuration that are heeded, and those that make no difference to what can be seen here. */
const HEEDED = ['hostname', 'user', 'port', 'addressfamily', 'connecttimeout', 'loglevel', 'requesttty', 'stdinnull', 'serveraliveinterval', 'serveralivecountmax'] as const
const HARMLESS = new Set('batchmode checkhostip ciphers compression connectionattempts forwardagent forwardx11 gssapiauthentication gssapidelegatecredentials hashknownhosts hostkeyalgorithms identitiesonly identityfile ipqos kbdinteractiveauthentication kexalgorithms macs numberofpasswordprompts passwordauthentication preferredauthentications pubkeyauthentication sendenv stricthostkeychecking tcpkeepalive updatehostkeys userknownhostsfile globalknownhostsfile'.split(' '))
const ELSEWHERE = new Set('addkeystoagent bindaddress bindinterface canonicalizehostname certificatefile clearallforwardings controlmaster controlpath controlpersist dynamicforward escapechar exitonforwardfailure forkafterauthentication gatewayports hostbasedauthentication hostkeyalias identityagent include localcommand localforward match permitlocalcommand proxycommand proxyjump proxyusefdpass remotecommand remoteforward sessiontype setenv streamlocalbindunlink tunnel tunneldevice visualhostkey'.split(' '))
const ONE_OF: Readonly<Record<string, readonly string[]>> = byName({
  stricthostkeychecking: ['true', 'false', 'yes', 'no', 'ask', 'off', 'accept-new'], batchmode: ['yes', 'no', 'true', 'false'], addressfamily: ['any', 'inet', 'inet6'], requesttty: ['true', 'false', 'yes', 'no', 'force', 'auto'],
  loglevel: ['quiet', 'fatal', 'error', 'info', 'verbose', 'debug', 'debug1', 'debug2', 'debug3'],
})

const notSimulated = (what: string): { say: string; code: number } => ({ say: `podhop: not simulated: ssh ${what} (use ssh [USER@]NODE [COMMAND], or hop node NODE)\n`, code: NOT_SIMULATED })

/** `read` gives a configuration's text; undefined where there is none. */
export function settingsOf(args: readonly string[], local: { user: string; home: string }, read: (path: string) => string | undefined): Asked {
  const asked = new Map<string, string>()
  const set = (key: string, value: string): void => void (asked.has(key) || asked.set(key, value))
  let destination: string | undefined
  let file: string | undefined
  let terminal: boolean | undefined
  let warnings = ''
  let noInput = false
  let i = 0
  for (; i < args.length; i++) {
    const word = args[i]!
    if (word === '--' || !/^-./.test(word)) {
      if (word === '--' && destination === undefined) destination = args[++i]
      else if (destination === undefined) {
        destination = word
        continue
      }
      break
    }
    for (let left = word.slice(1); left !== '';) {
      const letter = left[0]!
      left = left.slice(1)
      const at = letter === ':' ? -1 : OPTIONS.indexOf(letter)
      if (at < 0) return { say: `unknown option -- ${letter}\n${USAGE}`, code: FAILED }
      let value = ''
      if (OPTIONS[at + 1] === ':') {
        value = left !== '' ? left : (args[++i] ?? '')
        if (left === '' && i >= args.length) return { say: `option requires an argument -- ${letter}\n${USAGE}`, code: FAILED }
        left = ''
      }
      if (letter === 'V') return { say: VERSION, code: 0 }
      else if (letter === '4' || letter === '6') set('addressfamily', letter === '4' ? 'inet' : 'inet6')
      else if (letter === 'q') set('loglevel', 'quiet')
      else if (letter === 'n') noInput = true
      else if (letter === 't' || letter === 'T') terminal = letter === 't'
      else if (letter === 'l') set('user', value)
      else if (letter === 'F') file = value
      else if (letter === 'p') {
        if (!isPort(value)) return { say: `Bad port '${value}'\n`, code: FAILED }
        set('port', value)
      } else if (letter === 'i') {
        if (read(value) === undefined) warnings += `Warning: Identity file ${value} not accessible: No such file or directory.\n`
      } else if (letter === 'o') {
        const wrong = option(value, 'command-line', 0, set)
        if (wrong) return wrong
      } else if (!'aCkx'.includes(letter)) return notSimulated(`-${letter}`)
    }
  }
  const uri = destination === undefined ? undefined : /^ssh:\/\/(?:([^@/]+)@)?(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(destination)
  if (destination === undefined || (/^ssh:\/\//.test(destination) && !uri)) return { say: USAGE, code: FAILED }
  const split = uri ? [uri[1], uri[2]!.replace(/^\[|\]$/g, '')] as const : [destination.includes('@') ? destination.slice(0, destination.lastIndexOf('@')) : undefined, destination.slice(destination.lastIndexOf('@') + 1)] as const
  const [user, alias] = split
  if (user === '' || alias === '') return { say: USAGE, code: FAILED }
  if (user !== undefined) set('user', user)
  if (uri?.[3] !== undefined) set('port', uri[3])
  const path = file ?? `${local.home}/.ssh/config`
  const text = file === 'none' ? '' : read(path)
  if (text === undefined && file !== undefined) return { say: `Can't open user config file ${file}: No such file or directory\n`, code: FAILED }
  const wrong = readConfig(text ?? '', path, alias, set)
  if (wrong) return wrong
  const family = asked.get('addressfamily')
  const level = asked.get('loglevel')
  const wanted = asked.get('requesttty')
  return {
    warnings: level === 'quiet' ? '' : warnings,
    settings: {
      host: (asked.get('hostname') ?? alias).replaceAll('%h', alias), alias, user: asked.get('user') ?? local.user, port: Number(asked.get('port') ?? 22),
      family: family === 'inet' ? 4 : family === 'inet6' ? 6 : undefined, timeout: asked.has('connecttimeout') ? seconds(asked.get('connecttimeout')!)! * 1000 : undefined,
      aliveInterval: seconds(asked.get('serveraliveinterval') ?? '0')! * 1000, aliveCount: Number(asked.get('serveralivecountmax') ?? 3),
      quiet: level === 'quiet' || level === 'fatal', terminal: terminal ?? (wanted === undefined || wanted === 'auto' ? undefined : ['yes', 'true', 'force'].includes(wanted)),
      noInput: noInput || ['yes', 'true'].includes(asked.get('stdinnull') ?? ''), command: args.slice(i),
    },
  }
}

/** The lines that are for this host, the first word about anything counts. */
function readConfig(text: string, path: string, alias: string, set: (key: string, value: string) => void): { say: string; code: number } | undefined {
  let ours = true
  let bad = ''
  let count = 0
  for (const [index, line] of text.split('\n').entries()) {
    const host = /^\s*host(?:\s*=\s*|\s+)(.*)$/i.exec(line)
    if (host) {
      ours = matches(host[1]!.trim().split(/\s+/), alias)
      continue
    }
    const wrong = option(line, path, index + 1, ours ? set : () => undefined)
    if (wrong?.code === NOT_SIMULATED) return wrong
    if (!wrong) continue
    bad += wrong.say
    count++
  }
  return count === 0 ? undefined : { say: `${bad}${path}: terminating, ${count} bad configuration options\n`, code: FAILED }
}

function matches(patterns: readonly string[], alias: string): boolean {
  const is = (pattern: string): boolean => new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.')}$`).test(alias)
  return !patterns.some((p) => p.startsWith('!') && is(p.slice(1))) && patterns.some((p) => !p.startsWith('!') && is(p))
}

/** "Port 22", "Port=22". */
function option(line: string, path: string, number: number, set: (key: string, value: string) => void): { say: string; code: number } | undefined {
  const [, word, rest = ''] = /^\s*([^\s=#]+)(?:\s*=\s*|\s+|$)(.*)$/.exec(line) ?? []
  if (word === undefined) return undefined
  const key = word.toLowerCase()
  const value = rest.trim().replace(/^"(.*)"$/, '$1')
  const bad = (text: string): { say: string; code: number } => ({ say: `${path} line ${number}: ${text}\n`, code: FAILED })
  if (ELSEWHERE.has(key)) return notSimulated(`with ${word}`)
  const heeded = HEEDED.some((name) => name === key)
  if (!heeded && !HARMLESS.has(key)) return { say: `${path}: line ${number}: Bad configuration option: ${key}\n`, code: FAILED }
  if (value === '') return bad(`no argument after keyword "${key}"`)
  const choices = own(ONE_OF, key)
  if (choices && !choices.includes(value.toLowerCase())) return bad(`unsupported option "${value}".`)
  if (key === 'port' && !isPort(value)) return bad(`Bad port '${value}'.`)
  if (key === 'serveralivecountmax' && !/^\d{1,9}$/.test(value)) return bad('integer value invalid.')
  if ((key === 'connecttimeout' || key === 'serveraliveinterval') && seconds(value) === undefined) return bad('invalid time value.')
  if (heeded) set(key, choices ? value.toLowerCase() : value)
  return undefined
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65_536

/** sshd_config(5), TIME FORMATS: "90", "1m30s". */
function seconds(text: string): number | undefined {
  if (!/^(\d+[smhdw]?)+$/i.test(text)) return undefined
  const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }
  return [...text.matchAll(/(\d+)([smhdw]?)/gi)].reduce((sum, [, n, unit]) => sum + Number(n) * (units[unit!.toLowerCase()] ?? 1), 0)
}
