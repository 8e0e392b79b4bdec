import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { byName, own, put } from '../own.ts'
import { decodeUtf8 } from '../text.ts'
import { parseGoFlags } from './go-flags.ts'
import { canonicalHeader, goJson, parseGoDuration, serveGo, splitTarget, type GoAnswer } from './http/go.ts'
import { headerOf } from './http/message.ts'
import type { HttpRequest } from './http/server.ts'
import { httpDate } from './http/status.ts'
import { acceptKey, echoMessages, websocketKey } from './http/websocket.ts'
import { goRefusal, namesOf } from './tls/client-auth.ts'
import type { ClientAuth } from './tls/socket.ts'
import { readCertificates, type Certificate } from './tls/x509.ts'
import { goLogTime } from './http-echo.ts'
import { accessTime } from './nginx/time.ts'
import { Output, untilSignal } from './output.ts'

/** traefik/whoami 1.11: what a request looks like when it arrives. */
const UNITS: Record<string, number> = byName({ kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 })
/** More than this the simulation does not carry in one answer. */
const MOST_DATA = 10 * 1024 * 1024
const CHARACTERS = '-ABCDEFGHIJKLMNOPQRSTUVWXYZ'

export const whoami: Program = function* (process) {
  const flags = parseGoFlags(process.argv.slice(1), [
    { name: 'port', kind: 'string' }, { name: 'name', kind: 'string' }, { name: 'verbose', kind: 'bool' }, { name: 'cert', kind: 'string' }, { name: 'key', kind: 'string' }, { name: 'cacert', kind: 'string' },
  ])
  if ('error' in flags) {
    yield* process.printError(`${flags.help ? '' : `${flags.error}\n`}Usage of /whoami:\n  -cacert string\n    \tgive me a CA chain, enforces mutual TLS\n  -cert string\n    \tgive me a certificate\n  -key string\n    \tgive me a key\n  -name string\n    \tgive me a name\n  -port string\n    \tgive me a port number (default "80")\n  -verbose\n    \tEnable verbose logging\n`)
    return flags.help ? 0 : 2
  }
  const [cert, key, authorities] = [flags.values.get('cert'), flags.values.get('key'), flags.values.get('cacert')]
  let chain: Certificate[] | undefined
  let clients: ClientAuth | undefined
  if (cert && key) {
    const missing = [...(authorities ? [authorities] : []), cert, key].find((path) => !process.fs.exists(process.resolve(path)))
    if (missing === undefined && authorities) {
      const trusted = readCertificates(process.fs.readText(process.resolve(authorities)))
      clients = { authorities: namesOf(trusted), verify: (shown) => goRefusal(shown, trusted, process.clock.wall()) }
    }
    if (missing === undefined) chain = readCertificates(process.fs.readText(process.resolve(cert)))
    if (!chain?.length) {
      yield* process.printError(`${goLogTime(process.clock.wall())} ${missing === undefined ? 'tls: failed to find any PEM data in certificate input' : `open ${missing}: no such file or directory`}\n`)
      return 1
    }
  }
  const port = flags.values.get('port') ?? (process.env.get('WHOAMI_PORT_NUMBER') || '80')
  const name = flags.values.get('name') ?? process.env.get('WHOAMI_NAME') ?? ''
  const verbose = flags.values.get('verbose') === 'true'
  const out = new Output(process, 2)
  const stdout = new Output(process, 1)
  const log = (text: string): void => out.write(`${goLogTime(process.clock.wall())} ${text}\n`)
  log(`Starting up ${chain ? 'with TLS ' : ''}on port ${port}`)
  const answers = new Answers(process, name, stdout)
  if (!(/^\d+$/.test(port) && Number(port) <= 65_535)) {
    log(`listen tcp: ${/^\d+$/.test(port) ? `address ${port}: invalid port` : `lookup tcp/${port}: unknown port`}`)
    yield* out.flush()
    return 1
  }
  try {
    serveGo(process, 'whoami', Number(port), undefined, (request) => {
      if (verbose) log(`${joinHostPort(request.remoteAddress, request.remotePort)} - - [${accessTime(process.clock.wall())}] "${request.method} ${splitTarget(request.target).path} HTTP/${request.version}" - -`)
      return answers.answer(request)
    }, chain && { select: () => ({ chain, clients }) })
  } catch (error) {
    log(`listen tcp :${port}: bind: ${(error as { code?: string }).code === 'EACCES' ? 'permission denied' : 'address already in use'}`)
    yield* out.flush()
    return 1
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 2
}

class Answers {
  readonly #process: Process
  readonly #name: string
  readonly #stdout: Output
  #health = 200

  constructor(process: Process, name: string, stdout: Output) {
    this.#process = process
    this.#name = name
    this.#stdout = stdout
  }

  answer(request: HttpRequest): GoAnswer | Task<GoAnswer> {
    const { path, query } = splitTarget(request.target)
    switch (path) {
      case '/bench':
        return { headers: [['Connection', 'keep-alive'], ['Content-Type', 'text/plain']], body: '1' }
      case '/api':
        return this.#api(request, query)
      case '/health':
        return this.#healthOf(request)
      case '/data':
        return this.#data(query)
      case '/echo': {
        const key = websocketKey(request.headers)
        if (key !== undefined) return { status: 101, headers: [['Upgrade', 'websocket'], ['Connection', 'Upgrade'], ['Sec-WebSocket-Accept', acceptKey(key)]], upgrade: echoMessages }
        return { status: 400, headers: [['Sec-Websocket-Version', '13'], ['X-Content-Type-Options', 'nosniff']], body: 'Bad Request\n' }
      }
      default: {
        const wait = parseGoDuration(query.get('wait') ?? '')
        return wait ? this.#waited(request, query, wait) : { body: this.#text(request, query) }
      }
    }
  }

  *#waited(request: HttpRequest, query: Map<string, string>, wait: number): Task<GoAnswer> {
    yield* this.#process.sleep(wait)
    return { body: this.#text(request, query) }
  }

  #text(request: HttpRequest, query: Map<string, string>): string {
    const lines = [...(this.#name === '' ? [] : [`Name: ${this.#name}`]), `Hostname: ${this.#process.machine.hostname}`, ...addresses(this.#process).map((ip) => `IP: ${ip}`), `RemoteAddr: ${joinHostPort(request.remoteAddress, request.remotePort)}`]
    const env = isTrue(query.get('env')) ? [...this.#process.env].map(([k, v]) => `${k}=${v}\n`).join('') : ''
    return `${lines.join('\n')}\n${requestAsWritten(request)}${env}`
  }

  #api(request: HttpRequest, query: Map<string, string>): GoAnswer {
    const headers: Record<string, string[]> = {}
    for (const [name, value] of [...request.headers].map(([n, v]) => [canonicalHeader(n), v] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
      if (name !== 'Host') put(headers, name, [...(own(headers, name) ?? []), value])
    }
    const environ = isTrue(query.get('env')) ? Object.fromEntries([...this.#process.env].sort(([a], [b]) => (a < b ? -1 : 1))) : undefined
    const data = {
      hostname: this.#process.machine.hostname,
      ip: addresses(this.#process),
      headers,
      url: request.target,
      host: headerOf(request.headers, 'host') ?? '',
      method: request.method,
      ...(this.#name === '' ? {} : { name: this.#name }),
      remoteAddr: joinHostPort(request.remoteAddress, request.remotePort),
      ...(environ ? { environ } : {}),
    }
    return { headers: [['Content-Type', 'application/json']], body: `${goJson(data)}\n` }
  }

  #healthOf(request: HttpRequest): GoAnswer {
    if (request.method !== 'POST') return { status: this.#health, body: '' }
    const code = Number(decodeUtf8(request.body).trim())
    if (!Number.isInteger(code) || request.body.length === 0) {
      return { status: 400, headers: [['X-Content-Type-Options', 'nosniff']], body: `${request.body.length === 0 ? 'EOF' : 'json: cannot unmarshal string into Go value of type int'}\n` }
    }
    this.#stdout.write(`Update health check status code [${code}]\n`)
    this.#health = code
    return { body: '' }
  }

  #data(query: Map<string, string>): GoAnswer {
    const given = query.get('size') ?? ''
    const size = Math.max(0, /^-?\d+$/.test(given) ? Number(given) : 1) * (UNITS[(query.get('unit') ?? '').toLowerCase()] ?? 1)
    if (size > MOST_DATA) return { status: 501, body: `podhop: not simulated: whoami /data of ${size} bytes (at most ${MOST_DATA})\n` }
    const body = size === 0 ? '' : size === 1 ? '|' : `|${CHARACTERS.repeat(Math.ceil(size / CHARACTERS.length)).slice(1, size - 1)}|`
    if (!isTrue(query.get('attachment'))) return { body }
    return { headers: [['Accept-Ranges', 'bytes'], ['Content-Disposition', 'Attachment'], ['Last-Modified', httpDate(this.#process.clock.wall())]], body }
  }
}

function isTrue(text: string | undefined): boolean {
  return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text ?? '')
}

/** net.Interfaces and their addresses. */
function addresses(process: Process): string[] {
  return [...process.network.links.values()].flatMap((link) => link.addresses.map((a) => a.address))
}

/** http.Request.Write: the request line, Host and User-Agent, then the rest in the order of names. */
function requestAsWritten(request: HttpRequest): string {
  const host = headerOf(request.headers, 'host') ?? ''
  const agent = headerOf(request.headers, 'user-agent') ?? 'Go-http-client/1.1'
  const first = ['host', 'user-agent', 'content-length', 'transfer-encoding', 'connection']
  const rest = request.headers.filter(([n]) => !first.includes(n.toLowerCase())).map(([n, v]) => [canonicalHeader(n), v] as const)
  rest.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const head = [`${request.method} ${request.target} HTTP/1.1`, `Host: ${host}`, ...(agent === '' ? [] : [`User-Agent: ${agent}`])]
  if (request.body.length > 0) head.push(`Content-Length: ${request.body.length}`)
  return `${[...head, ...rest.map(([n, v]) => `${n}: ${v}`)].join('\r\n')}\r\n\r\n${decodeUtf8(request.body)}`
}
