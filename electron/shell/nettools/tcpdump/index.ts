import {
  anyOf, capable, concatBytes, cookedOf, copyFrame, decodeCapture, decodeUtf8, encodeFrame, encodePcapFrame, encodePcapHeader, encodeUtf8, frameLength, linkTypeOf, resolveHost, Signal, sleep,
  WireError, type CapturedFrame, type CaptureFile, type LinkType, type OpenFile, type Process, type Task,
} from '../../../engine/cluster.ts'
import { FilterError } from './filter-parser.ts'
import { compileFilter, hostNames, type Filter } from './filter.ts'
import { parseTcpdump, USAGE, VERSION, type TcpdumpOptions } from './options.ts'
import { nameOfAddress } from '../names.ts'
import { addressesOf, PacketPrinter, type Captured } from './print.ts'
import { Rotation } from './rotation.ts'

/** What stdio collects before it writes to what is no terminal. */
const BUFFER = 4096

/** tcpdump(1), 4.99.3. */
export function* tcpdump(process: Process): Task<number> {
  const parsed = parseTcpdump(process.argv.slice(1))
  if ('show' in parsed) return yield* show(process, parsed.show)
  if ('notSimulated' in parsed) {
    yield* process.printError(`podhop: not simulated: ${parsed.notSimulated}\n`)
    return 69
  }
  if ('error' in parsed) {
    yield* process.printError(parsed.error)
    return 1
  }
  try {
    return parsed.options.readFile === undefined ? yield* live(process, parsed.options) : yield* fromFile(process, parsed.options, parsed.options.readFile)
  } catch (error) {
    if (error instanceof FilterError && error.notSimulated) {
      yield* process.printError(`podhop: not simulated: ${error.message}\n`)
      return 69
    }
    if (!(error instanceof FilterError) && !(error instanceof Failure) && !(error instanceof WireError)) throw error
    yield* process.printError(`tcpdump: ${error.message}\n`)
    return 1
  }
}

class Failure extends Error {}

function* show(process: Process, what: 'help' | 'version' | 'interfaces'): Task<number> {
  if (what !== 'interfaces') {
    yield* what === 'help' ? process.printError(VERSION + USAGE) : process.print(VERSION)
    return 0
  }
  const links = [...process.network.links.values()].sort((a, b) => rank(a) - rank(b) || a.index - b.index)
  const rows = links.map((l) => `${l.name} [${[...(l.up ? ['Up', ...(l.carrier ? ['Running'] : [])] : []), ...(l.kind === 'loopback' ? ['Loopback'] : [l.up && l.carrier ? 'Connected' : 'Disconnected'])].join(', ')}]`)
  const first = links.filter((l) => rank(l) === 0).length
  rows.splice(first, 0, 'any (Pseudo-device that captures on all interfaces) [Up, Running]')
  yield* process.print(rows.map((row, i) => `${i + 1}.${row}\n`).join(''))
  return 0
}

const rank = (l: { kind: string; up: boolean }): number => (!l.up ? 2 : l.kind === 'loopback' ? 1 : 0)

/** Names in a filter are looked up when it is compiled, before the first packet. */
function* makeFilter(process: Process, text: string): Task<Filter> {
  const hosts = new Map<string, readonly string[]>()
  for (const name of hostNames(text)) {
    const resolved = yield* resolveHost(process, name)
    if ('addresses' in resolved) hosts.set(name, resolved.addresses)
  }
  return compileFilter(text, hosts)
}

function expression(process: Process, { filter, filterFile }: TcpdumpOptions): string {
  if (filterFile === undefined) return filter
  try {
    return decodeUtf8(process.fs.readFile(process.resolve(filterFile)))
  } catch (error) {
    throw new Failure(`can't open ${filterFile}: ${(error as Error).message}`)
  }
}

function passes(filter: Filter, captured: Captured, live: boolean): boolean {
  const { frame } = captured
  const shown = live && frame.tags !== undefined ? { ...frame, tags: frame.tags.slice(1) } : frame
  let bytes: Uint8Array | undefined
  return filter({ frame, direction: captured.direction ?? 'in', bytes: () => (bytes ??= encodeFrame(shown)), length: () => frameLength(shown), live })
}

// ---- live --------------------------------------------------------------------------------------------------------------

function* live(process: Process, options: TcpdumpOptions): Task<number> {
  const { network, clock } = process
  const up = [...network.links.values()].filter((l) => l.up).sort((a, b) => rank(a) - rank(b) || a.index - b.index)
  const name = options.interface ?? (up[0] && up[0].kind !== 'loopback' ? up[0].name : 'any')
  const cooked = name === 'any'
  const link = cooked ? undefined : network.links.get(name)
  if (!cooked && !link) throw new Failure(`${name}: No such device exists\n(No such device exists)`)
  if (!capable(process, 'NET_RAW')) throw new Failure(`${name}: You don't have permission to perform this capture on that device\n(socket: Operation not permitted)`)
  if (link && !link.up) throw new Failure(`${name}: That device is not up`)
  const filter = yield* makeFilter(process, expression(process, options))
  const linkType = cooked ? 'sll2' : linkTypeOf(link?.kind)
  if (options.listTypes) {
    yield* process.printError(`Data link types for ${name} (use option -y to set):\n${LISTED[linkType]}`)
    return 0
  }
  const output = openOutput(process, options, linkType)
  const waiting: Captured[] = []
  const signal = new Signal()
  const state = { seen: 0, interrupted: false, gone: false }
  const receive = (c: CapturedFrame): void => {
    if (state.seen >= options.count || state.interrupted || (options.direction !== 'inout' && c.direction !== options.direction)) return
    const on = network.links.get(c.interface)
    const captured: Captured = { at: clock.epoch + c.at, frame: c.frame, direction: c.direction, ...(on ? { interface: on } : {}), ...(cooked && on ? { cooked: cookedOf(on, c.frame, c.direction) } : {}) }
    if (!passes(filter, captured, true)) return
    state.seen++
    waiting.push({ ...captured, frame: copyFrame(c.frame) })
    signal.notify()
  }
  for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.onSignal(s, () => {
      state.interrupted = true
      signal.notify()
    })
  }
  const stops = [
    network.capture(name, receive),
    network.onChange(() => {
      if (cooked || network.links.get(name) === link) return
      state.gone = true
      signal.notify()
    }),
  ]
  try {
    yield* process.printError(banner(name, linkType, options))
    let [shown, full] = [0, false]
    // -v with -w: how many there are, once a second
    const tells = options.verbose > 0 && options.writeFile !== undefined && !options.print
    let told = clock.now
    while (shown < options.count) {
      for (const captured of waiting.splice(0)) {
        full = !(yield* output.packet(captured))
        shown++
        if (full) break
      }
      if (full || shown >= options.count || state.interrupted || state.gone) break
      // some came while names were looked up
      if (waiting.length > 0) continue
      if (!tells) yield signal.wait
      else {
        yield anyOf(signal.wait, sleep(clock, told + 1000 - clock.now, { background: true }))
        if (clock.now < told + 1000) continue
        told += 1000
        yield* process.printError(`Got ${state.seen}\r`)
      }
    }
    // an interrupt may have cut a line
    if (state.interrupted && (options.writeFile === undefined || options.print)) yield* output.text('\n')
    yield* output.end()
    if (state.gone) yield* process.printError('tcpdump: pcap_loop: The interface disappeared\n')
    const counted = (n: number, what: string): string => `${n} packet${n === 1 ? '' : 's'} ${what}\n`
    yield* process.printError(counted(shown, 'captured') + counted(state.seen, 'received by filter') + counted(0, 'dropped by kernel'))
    return state.gone ? 1 : 0
  } finally {
    for (const stop of stops) stop()
    output.close()
  }
}

const TITLES: Readonly<Record<LinkType, string>> = { sll2: 'LINUX_SLL2 (Linux cooked v2)', ethernet: 'EN10MB (Ethernet)', raw: 'RAW (Raw IP)' }

const LISTED: Readonly<Record<LinkType, string>> = {
  sll2: '  LINUX_SLL (Linux cooked v1)\n  LINUX_SLL2 (Linux cooked v2)\n', ethernet: '  EN10MB (Ethernet)\n', raw: '  RAW (Raw IP)\n',
}

function banner(name: string, linkType: LinkType, options: TcpdumpOptions): string {
  const listening = `listening on ${name}, link-type ${TITLES[linkType]}, snapshot length ${options.snapLength} bytes\n`
  const toScreen = options.verbose === 0 && (options.writeFile === undefined || options.print)
  return (
    (linkType === 'sll2' ? 'tcpdump: data link type LINUX_SLL2\n' : '') +
    (toScreen ? `tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n${listening}` : `tcpdump: ${listening}`)
  )
}

// ---- a capture file ----------------------------------------------------------------------------------------------------

function* fromFile(process: Process, options: TcpdumpOptions, name: string): Task<number> {
  let bytes: Uint8Array
  if (name === '-') bytes = yield* process.readAll()
  else {
    try {
      bytes = process.fs.readFile(process.resolve(name))
    } catch (error) {
      throw new Failure(`${name}: ${(error as Error).message}`)
    }
  }
  const { linkType, frames }: CaptureFile = decodeCapture(bytes)
  yield* process.printError(`reading from file ${name}, link-type ${TITLES[linkType]}, snapshot length 262144\n`)
  const filter = yield* makeFilter(process, expression(process, options))
  const output = openOutput(process, options, linkType)
  const links = [...process.network.links.values()]
  let shown = 0
  try {
    for (const frame of frames) {
      if (shown >= options.count) break
      const { cooked } = frame
      // names of interfaces are not in the file: those of this machine with the same number
      const on = cooked && links.find((l) => l.index === cooked.index)
      const captured: Captured = { ...frame, ...(cooked && { direction: cooked.kind === 4 ? 'out' : 'in' }), ...(on && { interface: on }) }
      if (!passes(filter, captured, false)) continue
      shown++
      if (!(yield* output.packet(captured))) break
    }
    yield* output.end()
  } finally {
    output.close()
  }
  if (options.countOnly) yield* process.print(`${shown} packet${shown === 1 ? '' : 's'}\n`)
  return 0
}

// ---- output ------------------------------------------------------------------------------------------------------------

interface Output {
  /** False: no further file may be begun for it. */
  packet(captured: Captured): Task<boolean>
  text(text: string): Task
  /** Writes what stdio still holds. */
  end(): Task
  close(): void
}

function openOutput(process: Process, options: TcpdumpOptions, linkType: LinkType): Output {
  const { writeFile } = options
  const prints = !options.countOnly && (writeFile === undefined || options.print)
  const names = new Map<string, string | undefined>()
  const printer = new PacketPrinter(options, linkType === 'sll2', linkType === 'raw', names)
  const eager = options.lineBuffered || process.terminalOf(1) !== undefined || (options.packetBuffered && writeFile === undefined)
  const screen = new Buffered((bytes) => process.print(bytes), eager)
  const rotation = writeFile !== undefined && writeFile !== '-' ? new Rotation(process, writeFile, options.rotate) : undefined
  const open = (): OpenFile | undefined => {
    try {
      return rotation?.open()
    } catch (error) {
      throw new Failure((error as Error).message)
    }
  }
  let file = open()
  const disk = writeFile === undefined ? undefined : new Buffered((bytes) => (file ? file.write(bytes) : process.print(bytes)), options.packetBuffered)
  let begun = false
  const save = function* (bytes: Uint8Array): Task {
    rotation?.wrote(bytes.length)
    yield* disk!.write(bytes)
  }
  const header = function* (): Task {
    if (disk && !begun) yield* save(encodePcapHeader(linkType))
    begun = true
  }
  return {
    *packet(captured) {
      yield* header()
      const turn = rotation?.turn()
      if (turn === 'full') {
        yield* process.printError(`Maximum file limit reached: ${rotation!.limit}\n`)
        return false
      }
      if (turn === 'next') {
        yield* disk!.flush()
        file?.release()
        file = open()
        begun = false
        yield* header()
      }
      if (disk) yield* save(encodePcapFrame(captured, linkType))
      if (!prints) return true
      // without -n a line waits until the names of its addresses are known, or known to be missing
      if (!options.numeric) for (const address of addressesOf(captured.frame)) yield* nameOfAddress(process, address, names)
      yield* screen.write(encodeUtf8(printer.text(captured)))
      return true
    },
    text: (text) => screen.write(encodeUtf8(text)),
    *end() {
      yield* header()
      yield* screen.flush()
      if (disk) yield* disk.flush()
    },
    close: () => file?.release(),
  }
}

/** stdio: a block at a time, unless it is told to write at once. */
class Buffered {
  readonly #sink: (bytes: Uint8Array) => Task
  readonly #eager: boolean
  #held: Uint8Array[] = []
  #size = 0

  constructor(sink: (bytes: Uint8Array) => Task, eager: boolean) {
    this.#sink = sink
    this.#eager = eager
  }

  *write(bytes: Uint8Array): Task {
    this.#held.push(bytes)
    this.#size += bytes.length
    if (this.#eager || this.#size >= BUFFER) yield* this.flush()
  }

  *flush(): Task {
    if (this.#size === 0) return
    const all = concatBytes(this.#held)
    this.#held = []
    this.#size = 0
    yield* this.#sink(all)
  }
}
