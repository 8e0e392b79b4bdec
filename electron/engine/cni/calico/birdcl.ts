import type { Program } from '../../machine/types.ts'
import type { SystemServices } from '../../programs/types.ts'
import { birdError, type Bird } from './bird.ts'

/** birdcl of BIRD 1.6, as calico-node brings it: show protocols, show route and show status (nest/proto.c, nest/rt-table.c). */
const READY = 'BIRD v0.3.3+birdv1.6.8 ready.\n'
const SOCKETS = { 4: '/var/run/calico/bird.ctl', 6: '/var/run/calico/bird6.ctl' } as const
/** "time format protocol": who has been there for less than 20 hours has a time, others a date; ms. */
const RECENT = 20 * 3_600_000

export function birdcl(services: SystemServices, birds: (node: string) => readonly Bird[] | undefined): Program {
  return function* (process) {
    const args = process.argv.slice(1)
    let socket: string = SOCKETS[4]
    while (args[0]?.startsWith('-')) {
      const flag = args.shift()!
      if (flag === '-s' && args.length > 0) socket = args.shift()!
      else if (flag !== '-r') {
        yield* process.printError(`podhop: not simulated: birdcl ${flag} (use birdcl -s SOCKET)\n`)
        return 69
      }
    }
    const node = services.nodeOf(process)
    const bird = node && birds(node.name)?.find((b) => SOCKETS[b.version] === socket)
    if (!bird) {
      yield* process.print(`Unable to connect to server control socket (${socket}): No such file or directory\n`)
      return 1
    }
    const { clock } = process
    const since = (at: number): string => {
      const text = new Date(clock.wall() - (clock.now - at)).toISOString()
      return clock.now - at < RECENT ? text.slice(11, 19) : text.slice(0, 10)
    }
    const line = args.join(' ')
    const answer = /^sh(ow)? +p(rotocols)?$/.test(line) ? protocols(bird, since) : /^sh(ow)? +r(oute)?$/.test(line) ? routes(bird, since) : undefined
    if (answer === undefined) {
      yield* process.printError(`podhop: not simulated: birdcl ${line || 'without a command'} (use birdcl show protocols or birdcl show route)\n`)
      return 69
    }
    yield* process.print(READY + answer)
    return 0
  }
}

function protocols(bird: Bird, since: (at: number) => string): string {
  const row = (name: string, proto: string, state: string, at: string, info: string): string => `${name.padEnd(8)} ${proto.padEnd(8)} master   ${state.padEnd(6)} ${at.padEnd(10)}  ${info}\n`
  const own = [['static1', 'Static'], ['kernel1', 'Kernel'], ['device1', 'Device'], ['direct1', 'Direct']].map(([name, proto]) => row(name!, proto!, 'up', since(bird.startedAt), ''))
  const peers = bird.peers.map(({ address, state, since: at, lastError }) => row(bird.sessionName(address), 'BGP', state === 'Established' ? 'up' : 'start', since(at), state.padEnd(14) + (lastError && state !== 'Established' ? birdError(lastError) : '')))
  return `name     proto    table    state  since       info\n${own.join('')}${peers.join('')}`
}

/** The table master: what peers announce, this node's blocks, and what the kernel has. */
function routes(bird: Bird, since: (at: number) => string): string {
  const lines = new Map<string, string>()
  const put = (prefix: string, text: string): unknown => lines.set(prefix, `${prefix.padEnd(18)} ${text}\n`)
  for (const { destination, via, device, protocol, type } of bird.kernelRoutes) {
    if (protocol === 'bird' && type !== 'blackhole') continue
    const start = since(bird.startedAt)
    if (type === 'blackhole') put(destination, `blackhole [static1 ${start}] * (200)`)
    else if (protocol === 'kernel') continue
    else put(destination, `${via === undefined ? 'dev' : `via ${via} on`} ${device} [kernel1 ${start}] * (10)`)
  }
  for (const { prefix, device } of bird.connected) put(prefix, `dev ${device} [direct1 ${since(bird.startedAt)}] * (240)`)
  for (const { prefix, nextHop, peer, since: at, via, device = '' } of bird.learnt) if (!lines.has(prefix)) put(prefix, `via ${via} on ${device} [${bird.sessionName(peer)} ${since(at)}${nextHop === peer ? '' : ` from ${peer}`}] * (100/0) [i]`)
  return [...lines.values()].join('')
}
