import { resolveHost } from '../dns/resolver.ts'
import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { decodeUtf8 } from '../text.ts'
import { serveGo, splitTarget, type GoAnswer } from './http/go.ts'
import { HttpSyntaxError, ResponseParser, writeRequest } from './http/message.ts'
import { Output, untilSignal } from './output.ts'
import { TcpStream } from './stream.ts'

/**
 * star-probe and star-collect of Calico's stars demo (mesosphere/star): probes ask each other's URLs every five seconds and tell at
 * /status whom they reach; the collector fetches that from all and tells it at /responses. Where nothing answers, a probe gives up
 * before its next turn.
 */
const PERIOD = 5_000
/** calico/star-collect's own list. */
const RESOURCES = [['B', 'http://backend.stars:6379/status'], ['C', 'http://client.client:9000/status'], ['F', 'http://frontend.stars:80/status']] as const
const JSON_TYPE = 'application/json'

interface Seen { status: number; body: string }

function* ask(process: Process, url: string): Task<Seen | undefined> {
  const deadline = process.clock.now + PERIOD - 100
  const [, host, port, path] = /^(?:http:\/\/)?([^/:]+)(?::(\d+))?(\/.*)?$/.exec(url) ?? []
  if (host === undefined) return undefined
  const found = yield* resolveHost(process, host)
  const address = 'addresses' in found ? found.addresses[0] : undefined
  if (address === undefined) return undefined
  const stream = yield* TcpStream.open(process, address, Number(port ?? 80), { timeout: Math.max(1, deadline - process.clock.now) })
  if (!(stream instanceof TcpStream)) return undefined
  stream.write(writeRequest('GET', path ?? '/', [['Host', `${host}:${port ?? 80}`], ['Connection', 'close']]))
  const seen: Seen = { status: 0, body: '' }
  let complete = false
  const parser = new ResponseParser({ onHead: ({ status }) => (seen.status = status), onBody: (data) => (seen.body += decodeUtf8(data)), onComplete: () => (complete = true) })
  try {
    while (!complete) {
      const data = yield* stream.read(process, deadline)
      if (data === null) {
        parser.end()
        break
      }
      if (!(data instanceof Uint8Array)) return undefined
      parser.push(data)
    }
  } catch (error) {
    if (!(error instanceof HttpSyntaxError)) throw error
    return undefined
  } finally {
    stream.close()
  }
  return complete ? seen : undefined
}

/** Asks each of the URLs at its turn, whatever the others do. */
function poll(process: Process, urls: readonly string[], told: (url: string, seen: Seen | undefined) => void): void {
  for (const url of urls) {
    process.spawnThread((function* () {
      for (let next = process.clock.now + PERIOD; ; next += PERIOD) {
        yield* process.sleep(Math.max(0, next - process.clock.now))
        told(url, yield* ask(process, url))
      }
    })())
  }
}

function option(process: Process, name: string, preset: string): string {
  return process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? preset
}

function* serve(process: Process, port: number, answer: (path: string, method: string) => GoAnswer | undefined): Task<number> {
  const out = new Output(process, 2)
  out.write(`Starting HTTP server on [0.0.0.0:${port}]\n`)
  try {
    serveGo(process, process.argv[0] === 'probe' ? 'probe' : 'collect', port, undefined, ({ target, method }) => answer(splitTarget(target).path, method) ?? { status: 404 })
  } catch {
    yield* process.printError(`listen on 0.0.0.0:${port}: Address already in use\n`)
    return 101
  }
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  yield* out.flush()
  return 0
}

export const starProbe: Program = function* (process) {
  const urls = option(process, 'urls', '').split(',').filter(Boolean)
  if (urls.length === 0) {
    yield* process.printError('Invalid arguments.\n\nUsage:\n    star-probe --help\n    star-probe --urls=<urls> [--http-address=<address> --http-port=<port> --http-probe-seconds=<seconds> --logfile=<path>]\n')
    return 1
  }
  const reachable = new Map(urls.map((url) => [url, false]))
  poll(process, urls, (url, seen) => reachable.set(url, seen !== undefined))
  return yield* serve(process, Number(option(process, 'http-port', '9000')), (path, method) => {
    if (method !== 'GET' || path !== '/status') return undefined
    return { contentType: JSON_TYPE, body: JSON.stringify({ status: { targets: [...reachable].map(([url, ok]) => ({ reachable: ok, url })) } }) }
  })
}

interface Status { status?: { targets?: { reachable: boolean; url: string }[] } }

export const starCollect: Program = function* (process) {
  const responses = new Map<string, { json: Status; statusCode: number; url: string } | null>(RESOURCES.map(([id]) => [id, null]))
  poll(process, RESOURCES.map(([, url]) => url), (url, seen) => {
    const id = RESOURCES.find(([, each]) => each === url)![0]
    try {
      responses.set(id, seen ? { json: JSON.parse(seen.body) as Status, statusCode: seen.status, url } : null)
    } catch {
      responses.set(id, null)
    }
  })
  const page = (): string => {
    const row = ([id]: readonly [string, string]): string => {
      const targets = responses.get(id)?.json.status?.targets
      const reached = RESOURCES.filter(([other, url]) => other !== id && targets?.some((t) => t.reachable && t.url === url)).map(([other]) => other)
      return `${id} -> ${targets === undefined ? '(not reached from here)' : reached.join(' ') || '(nobody)'}\n`
    }
    return `podhop: not simulated: the picture of star-collect (this table, or /responses)\n\n${RESOURCES.map(row).join('')}`
  }
  return yield* serve(process, Number(option(process, 'http-port', '9001')), (path, method) => {
    if (method !== 'GET') return undefined
    if (path === '/responses') return { contentType: JSON_TYPE, body: JSON.stringify({ responses: Object.fromEntries(responses) }) }
    if (path === '/resources') return { contentType: JSON_TYPE, body: JSON.stringify({ resources: RESOURCES.map(([id, url]) => ({ id, url })) }) }
    return path === '/' ? { contentType: 'text/plain', body: page() } : undefined
  })
}
