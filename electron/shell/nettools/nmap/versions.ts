import { encodeUtf8, type Process, type Task } from '../../../engine/cluster.ts'
import { TcpStream } from '../stream.ts'
import { portName } from './ports.ts'
import type { Service } from './types.ts'

/** So long a server may take to greet, and to answer. */
const GREETING_MS = 6000

/** Who hangs up sooner than this has looked at the address alone (tcpd). */
const WRAPPED_MS = 2000

const latin1 = (bytes: Uint8Array): string => Array.from(bytes, (b) => String.fromCharCode(b)).join('')

/** -sV: what answers at an open port, by what it says of itself: its greeting, or its answer to a question that its like understands. */
export function* serviceAt(process: Process, address: string, port: number): Task<Service> {
  const begun = process.clock.now
  const greeting = yield* hear(process, address, port, undefined)
  const greeted = greeting === undefined ? undefined : ofGreeting(greeting)
  if (greeted) return greeted
  if (greeting === '' && process.clock.now - begun < WRAPPED_MS) return { name: 'tcpwrapped' }
  const questions = port === 6379 ? [INFO, GET, SSL] : port === 5432 ? [SSL, GET, INFO] : port === 11211 ? [VERSION, GET] : [GET, INFO, SSL, VERSION]
  for (const question of questions) {
    const answer = yield* hear(process, address, port, question)
    const found = answer === undefined ? undefined : question === GET ? ofHttp(answer) : question === INFO ? ofRedis(answer) : question === VERSION ? ofMemcached(answer) : ofPostgres(answer)
    if (found) return found
    // somebody has spoken, in a tongue that is not known
    if (answer !== undefined && answer !== '') break
  }
  return { name: portName(port) ?? 'unknown', unsure: true }
}

const GET = encodeUtf8('GET / HTTP/1.0\r\n\r\n')
const INFO = encodeUtf8('*1\r\n$4\r\ninfo\r\n')
const VERSION = encodeUtf8('version\r\n')
/** PostgreSQL's SSLRequest */
const SSL = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47)

/** What comes at first, or after a question; '' where the connection is closed without a word, undefined where nothing comes. */
function* hear(process: Process, address: string, port: number, question: Uint8Array | undefined): Task<string | undefined> {
  const stream = yield* TcpStream.open(process, address, port, { timeout: GREETING_MS })
  if (!(stream instanceof TcpStream)) return undefined
  try {
    if (question) stream.write(question)
    const deadline = process.clock.now + GREETING_MS
    let text = ''
    for (;;) {
      const data = yield* stream.read(process, deadline)
      if (data === null) return text
      if (!(data instanceof Uint8Array)) return text === '' && data.code === 'ETIMEDOUT' ? undefined : text
      text += latin1(data)
      if (!question || text.includes('\r\n\r\n') || question !== GET) return text
    }
  } finally {
    stream.close()
  }
}

function ofGreeting(text: string): Service | undefined {
  // the handshake of MySQL's protocol 10: length, sequence, 10, the version
  const mysql = /^[^]{3}\0\n([^\0]+)\0/.exec(text)?.[1]
  if (mysql !== undefined) {
    const maria = /^(?:5\.5\.5-)?(\d[\d.]*)-MariaDB/.exec(mysql)?.[1]
    return maria === undefined ? { name: 'mysql', product: 'MySQL', version: mysql, cpe: `cpe:/a:mysql:mysql:${mysql}` } : { name: 'mysql', product: 'MySQL', version: mysql, cpe: `cpe:/a:mysql:mysql:${mysql}` }
  }
  const ssh = /^SSH-([\d.]+)-OpenSSH_([\w.]+)(?: Debian-(\S+))?/.exec(text)
  if (!ssh) return undefined
  const [, protocol, version, debian] = ssh
  return { name: 'ssh', product: 'OpenSSH', version: debian === undefined ? version! : `${version} Debian ${debian}`, extra: `protocol ${protocol}`, cpe: `cpe:/a:openbsd:openssh:${version}`, ...(debian === undefined ? {} : { os: { name: 'Linux', cpe: 'cpe:/o:linux:linux_kernel' } }) }
}

function ofHttp(text: string): Service | undefined {
  if (!/^HTTP\/1\.[01] \d\d\d/.test(text)) return undefined
  const server = /^Server: *(.*?)\r?$/im.exec(text.split('\r\n\r\n')[0]!)?.[1]
  const nginx = /^nginx(?:\/([\d.]+))?$/.exec(server ?? '')
  if (nginx) return { name: 'http', product: 'nginx', ...(nginx[1] === undefined ? {} : { version: nginx[1] }), cpe: `cpe:/a:igor_sysoev:nginx${nginx[1] === undefined ? '' : `:${nginx[1]}`}` }
  const apache = /^Apache\/([\d.]+)(?: (\(.*\)))?$/.exec(server ?? '')
  if (apache) return { name: 'http', product: 'Apache httpd', version: apache[1]!, ...(apache[2] === undefined ? {} : { extra: apache[2] }), cpe: `cpe:/a:apache:http_server:${apache[1]!}` }
  return undefined
}

function ofRedis(text: string): Service | undefined {
  const version = /\r\nredis_version:([\d.]+)\r\n/.exec(text)?.[1]
  if (version !== undefined) return { name: 'redis', product: 'Redis key-value store', version }
  return text.startsWith('-NOAUTH') ? { name: 'redis', product: 'Redis key-value store' } : undefined
}

function ofMemcached(text: string): Service | undefined {
  const version = /^VERSION ([\d.]+)\r\n/.exec(text)?.[1]
  return version === undefined ? undefined : { name: 'memcached', product: 'Memcached', version }
}

const ofPostgres = (text: string): Service | undefined => (text === 'N' || text === 'S' ? { name: 'postgresql', product: 'PostgreSQL DB', version: '9.6.0 or later' } : undefined)
