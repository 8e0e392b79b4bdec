import { anyOf, Signal, sleep, type Process, type Task } from '../../engine/cluster.ts'
import { peerName, type Options } from './nc-options.ts'
import { ownerOf } from './stream.ts'

interface Peer { address: string; port: number; shown: string; service: string }

class Conversation {
  readonly signal = new Signal()
  readonly received: Uint8Array[] = []
  refused = false
  peer: { address: string; port: number } | undefined
  /** The end of standard input, in virtual ms. */
  ended: number | undefined
}

/** nc -u HOST PORT: with -v or -z it first asks with datagrams of one X each, as udptest() does; only a refusal tells it anything. */
export function* connectUdp(process: Process, options: Options, to: Peer): Task<number> {
  const state = new Conversation()
  const socket = process.network.sockets.udp({ owner: ownerOf(process), ...(options.port === undefined ? {} : { port: options.port }), address: options.source ?? (to.address.includes(':') ? '::' : '0.0.0.0') })
  process.onExit(() => socket.close())
  socket.connect(to.address, to.port, options.source)
  socket.onDatagram = ({ data }) => {
    state.received.push(data)
    state.signal.notify()
  }
  socket.onError = (error) => {
    state.refused ||= error.code === 'ECONNREFUSED'
    state.signal.notify()
  }
  const send = (data: Uint8Array): void => void socket.send(data, to.address, to.port)
  try {
    if (options.verbose) {
      const test = Uint8Array.of(0x58)
      send(test)
      yield sleep(process.clock, 1, { background: false })
      if (state.refused) return 1
      send(test)
      for (let left = Math.min(3, (options.wait ?? Infinity) / 1000); left > 0 && !state.refused; left--) {
        yield* pause(process, state, 1000)
        if (!state.refused) send(test)
      }
      if (state.refused) return 1
      yield* process.printError(`Connection to ${to.shown} ${to.port} port [udp/${to.service}] succeeded!\n`)
    }
    if (options.scan) return 0
    yield* converse(process, options, state, send)
    return 0
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    if (options.verbose) yield* process.printError(`nc: connect to ${to.shown} port ${to.port} (udp) failed: ${error.message}\n`)
    return 1
  } finally {
    socket.close()
  }
}

function* pause(process: Process, state: Conversation, ms: number): Task {
  const end = process.clock.now + ms
  while (process.clock.now < end && !state.refused) yield anyOf(state.signal.wait, sleep(process.clock, end - process.clock.now, { background: false }))
}

/** nc -u -l PORT: speaks with whoever sends first; with -k it hears everybody, and answers nobody. */
export function* serveUdp(process: Process, options: Options, port: number, address: string | undefined): Task<number> {
  const state = new Conversation()
  const wildcard = address ?? (options.family === 6 ? '::' : '0.0.0.0')
  let socket
  try {
    socket = process.network.sockets.udp({ port, address: wildcard, owner: ownerOf(process) })
  } catch (error) {
    yield* process.printError(`nc: ${(error as Error).message}\n`)
    return 1
  }
  const opened = socket
  process.onExit(() => opened.close())
  opened.onDatagram = ({ source, sourcePort, destination, data }) => {
    if (!options.keep && !state.peer) {
      state.peer = { address: source, port: sourcePort }
      opened.connect(source, sourcePort, destination)
    }
    state.received.push(data)
    state.signal.notify()
  }
  if (options.verbose) yield* process.printError(`Bound on ${wildcard} ${port}\n`)
  while (state.received.length === 0) yield state.signal.wait
  if (options.verbose && state.peer) yield* process.printError(`Connection received on ${yield* peerName(process, options, state.peer.address)} ${state.peer.port}\n`)
  opened.onError = (error) => {
    state.refused ||= error.code === 'ECONNREFUSED'
    state.signal.notify()
  }
  const { peer } = state
  yield* converse(process, { ...options, noInput: options.noInput || !peer }, state, (data) => void (peer && opened.send(data, peer.address, peer.port)))
  opened.close()
  return 0
}

/** readwrite() of netcat.c: until the idle time is over, standard input has ended long enough, or the other end's port is closed. */
function* converse(process: Process, options: Options, state: Conversation, send: (data: Uint8Array) => void): Task {
  let heard = process.clock.now
  const sender = process.spawnThread(
    (function* (): Task {
      for (;;) {
        const data = options.noInput ? null : yield* process.read(0)
        if (data === null) break
        heard = process.clock.now
        send(data)
      }
      state.ended = process.clock.now
      state.signal.notify()
    })(),
  )
  try {
    while (!state.refused) {
      const data = state.received.shift()
      if (data) {
        heard = process.clock.now
        yield* process.print(data)
        continue
      }
      const { now } = process.clock
      const quit = options.quitAfterEof === undefined || state.ended === undefined ? Infinity : state.ended + options.quitAfterEof
      const end = Math.min(quit, options.wait === undefined ? Infinity : heard + options.wait)
      if (now >= end) return
      yield end === Infinity ? state.signal.wait : anyOf(state.signal.wait, sleep(process.clock, end - now, { background: false }))
    }
  } finally {
    sender.kill()
  }
}
