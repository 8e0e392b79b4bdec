import { acceptKey, base64Of, decodeUtf8, encodeUtf8, encodeWebSocketFrame, headerOf, isValidIp, resolveHost, ResponseParser, WebSocketReader, writeRequest, type Process, type ResponseHead, type Task } from '../../engine/cluster.ts'
import { TcpStream } from './stream.ts'

/** websocat 1.11: lines from stdin are sent as messages, what comes is printed. */
export function* websocat(process: Process): Task<number> {
  const options = { insecure: false, one: false, headers: [] as [string, string][], url: '' }
  const args = process.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-k' || arg === '--insecure') options.insecure = true
    else if (arg === '-1' || arg === '--one-message') options.one = true
    else if (arg === '-n' || arg === '-t' || arg === '-E') continue
    else if (arg === '-H' || arg === '--header') {
      const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(args[++i] ?? '') ?? []
      options.headers.push([name, value])
    } else if (arg.startsWith('-')) {
      yield* process.printError(`podhop: not simulated: websocat ${arg} (-k, -1 and -H are)\n`)
      return 69
    } else options.url = arg
  }
  const [, scheme, host, port, path] = /^(wss?):\/\/(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?(.*)$/.exec(options.url) ?? []
  if (host === undefined) {
    yield* process.printError('podhop: not simulated: websocat without a ws:// or wss:// URL (give one)\n')
    return 69
  }
  const fail = function* (text: string): Task<number> {
    yield* process.printError(`websocat: ${text}\nwebsocat: error running\n`)
    return 1
  }
  const tls = scheme === 'wss'
  const bare = host.replace(/^\[|\]$/g, '')
  const resolved = isValidIp(bare) ? { addresses: [bare] } : yield* resolveHost(process, bare)
  if ('error' in resolved) return yield* fail('WebSocketError: I/O failure')
  const stream = yield* TcpStream.open(process, resolved.addresses[0]!, Number(port ?? (tls ? 443 : 80)))
  if (!(stream instanceof TcpStream)) return yield* fail(`WebSocketError: WebSocketError: I/O failure`)
  if (tls) {
    const secured = yield* stream.startTls(process, { serverName: isValidIp(bare) ? undefined : bare, ...(options.insecure ? {} : { verify: () => 48 }) })
    if (!secured || 'failure' in secured) return yield* fail('WebSocketError: WebSocketError: TLS failure')
  }
  const chance = (): Uint8Array => Uint8Array.from({ length: 4 }, () => process.clock.random.below(256))
  const key = base64Of(Uint8Array.from([...chance(), ...chance(), ...chance(), ...chance()]))
  const authority = port === undefined ? host : `${host}:${port}`
  const ownHost = options.headers.find(([name]) => name.toLowerCase() === 'host')?.[1]
  stream.write(writeRequest('GET', path === '' || path === undefined ? '/' : path, [['Host', ownHost ?? authority], ['Connection', 'Upgrade'], ['Upgrade', 'websocket'], ['Sec-WebSocket-Version', '13'], ['Sec-WebSocket-Key', key], ...options.headers.filter(([name]) => name.toLowerCase() !== 'host')]))
  let head: ResponseHead | undefined
  const parser = new ResponseParser({ onHead: (h) => (head = h), onBody: () => undefined, onComplete: () => undefined })
  while (!head) {
    const data = yield* stream.read(process)
    if (!(data instanceof Uint8Array)) return yield* fail('WebSocketError: WebSocketError: I/O failure')
    parser.push(data)
  }
  if (head.status !== 101 || headerOf(head.headers, 'sec-websocket-accept') !== acceptKey(key)) return yield* fail(`WebSocketError: WebSocketError: Received unexpected status code (${head.status} ${head.reason})`)
  const lines = decodeUtf8(yield* process.readAll()).split('\n').filter((l, i, all) => l !== '' || i < all.length - 1).slice(0, options.one ? 1 : undefined)
  for (const line of lines) stream.write(encodeWebSocketFrame(1, encodeUtf8(line), chance()))
  const reader = new WebSocketReader()
  const deadline = process.clock.now + 1_000
  for (let left = options.one ? 1 : Infinity; left > 0; ) {
    const data = yield* stream.read(process, deadline)
    if (!(data instanceof Uint8Array)) break
    for (const message of reader.push(data)) {
      if (message.opcode <= 2) yield* process.print(`${decodeUtf8(message.data)}\n`)
      left = message.opcode === 8 ? 0 : left - 1
    }
  }
  stream.write(encodeWebSocketFrame(8, new Uint8Array(), chance()))
  stream.close()
  return 0
}
