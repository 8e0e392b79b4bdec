import { readLab } from '../labs.ts'
import { inspect } from '../view/inspect.ts'
import { journeyViews } from '../view/journeys.ts'
import { KeptJourneys } from './kept-journeys.ts'
import { labView } from '../view/lab.ts'
import { topologyView } from '../view/topology.ts'
import { parseClusterConfig, type Cluster } from '../../engine/cluster.ts'
import { portForwards } from '../../lab/checks/simple.ts'
import { World, type Input, type PortResult } from '../../lab/world.ts'
import type { LogEntry } from './log.ts'

export type WorldSource = ConstructorParameters<typeof World>[0]

export function aLab(id: string): WorldSource {
  const found = readLab(`labs/${id}`, id)
  if (!('lab' in found)) throw new Error(`labs/${id} has mistakes`)
  return { lab: found.lab }
}

export const aCluster = (config: object = {}): WorldSource => ({ config: parseClusterConfig(config, 'cluster'), manifests: [] })

/** A world with everything that comes out of it written down. */
export class Recorded {
  readonly world: World
  readonly out: string[] = []
  readonly wishes: { request: number; port: number }[] = []

  constructor(source: WorldSource) {
    const tell = (what: string) => (...args: unknown[]) => void this.out.push(`${what} ${args.map((a) => (a instanceof Uint8Array ? Buffer.from(a).toString('latin1') : String(a))).join(' ')}`)
    this.world = new World(source, {
      terminalOutput: tell('output'), terminalClosed: tell('closed'), portReleased: tell('released'),
      portWanted: (request, port) => void this.wishes.push({ request, port }),
      outsideData: tell('data'), outsideEnd: tell('end'), outsideClose: tell('close'),
      timeChanged: () => undefined, refused: tell('refused'),
      apiHead: tell('head'), apiData: tell('api-data'), apiEnd: tell('api-end'), apiOutput: tell('api-output'), apiSessionEnd: tell('session-end'), apiForwardOpen: tell('forward-open'), apiForwardEnd: tell('forward-end'),
      trouble: (error) => {
        throw error
      },
    })
  }

  get cluster(): Cluster {
    return this.world.cluster
  }

  /** What the terminals show: the text alone. */
  get text(): string {
    return this.out.filter((l) => l.startsWith('output ')).map((l) => l.slice('output t1 '.length)).join('')
  }

  /** Everything that there is to know about it. */
  state(): Record<string, unknown> {
    const { cluster, run } = this.world
    const { client, clock } = cluster
    const resources = client.resources().filter((r) => r.verbs.includes('list')).map((r) => r.name)
    return {
      out: this.out,
      clock: [clock.now, clock.executed, clock.pending, clock.next()],
      objects: Object.fromEntries([...new Set(resources)].map((r) => [r, client.list(r).items])),
      networks: cluster.networks().map((n) => ({
        name: n.name, id: n.id,
        links: [...n.links.values()].map((l) => [l.name, l.mac, l.up, l.carrier, l.mtu, l.addresses, l.statistics]),
        routes: n.routes.list(), neighbours: n.neighbours.list(),
        rules: n.netfilter.save(undefined, { counters: true }),
        conntrack: n.netfilter.conntrack.list().map((e) => [e.id, e.original, e.reply, e.tcpState, e.expiresAt]),
        sockets: n.sockets.list().map(({ details, ...socket }) => [socket, details?.()]),
      })),
      journeys: cluster.journeys.recent,
      progress: run?.progress,
      checks: run?.steps.flatMap((s) => s.checks.map((c) => run.state(c))),
      time: [this.world.time.paused, this.world.time.speed, this.world.time.hurryTo],
      // last: it moves the source of chance on
      chance: clock.random.uint32(),
    }
  }
}

/** Somebody at a world whose time runs in slices, as the driver's do; every input goes into a log. */
export class Sitting extends Recorded {
  readonly log: LogEntry[] = []

  constructor(source: WorldSource) {
    super(source)
    // who listens cannot be noticed in the world
    this.cluster.onChange(() => undefined)
    this.cluster.journeys.onChange(() => undefined)
    this.world.run?.onChange(() => undefined)
  }

  input(input: Input): void {
    const { now, executed } = this.cluster.clock
    // through JSON, as on disk
    this.log.push({ ...(JSON.parse(JSON.stringify({ at: now, executed })) as LogEntry), input })
    this.world.apply(input)
  }

  /** Types into a terminal, which is opened for it. */
  type(keys: string, terminal = 't1'): void {
    if (!this.world.terminals.has(terminal)) this.input({ kind: 'terminal-open', id: terminal, columns: 100, rows: 24 })
    this.input({ kind: 'terminal-input', id: terminal, data: keys })
  }

  /** Lets time run; a slice may end early, between any two events. */
  pass(ms: number, events = Infinity): void {
    let left = events
    this.world.runUntil(this.cluster.clock.now + ms, () => --left <= 0)
  }

  tick(): void {
    const { now, executed } = this.cluster.clock
    this.log.push({ at: now, executed })
  }

  /** The real machine answers every wish for a port. */
  answerPorts(answer: (port: number) => PortResult): void {
    for (const { request, port } of this.wishes.splice(0)) this.input({ kind: 'port-answer', request, result: answer(port) })
  }

  /** Everything that a window can ask for. It may not change the world. */
  look(): void {
    const { cluster, run } = this.world
    topologyView(cluster)
    journeyViews(new KeptJourneys(cluster.journeys))
    portForwards({ cluster })
    if (run) labView(run)
    for (const name of cluster.nodes.keys()) inspect(cluster, 'node', name)
    for (const pod of cluster.client.list('pods').items) inspect(cluster, 'pod', `${pod.metadata.namespace}/${pod.metadata.name}`)
    for (const service of cluster.client.list('services').items) inspect(cluster, 'service', `${service.metadata.namespace}/${service.metadata.name}`)
    inspect(cluster, 'outside', 'laptop')
  }

  /** The same from the log, up to the moment at which this is. */
  again(source: WorldSource): Recorded {
    this.tick()
    return replayed(source, this.log)
  }
}

export function replayed(source: WorldSource, log: readonly LogEntry[]): Recorded {
  const other = new Recorded(source)
  for (const [index, entry] of log.entries()) {
    const arrived = other.world.advanceTo(entry.at, entry.executed)
    if (arrived !== 'there') {
      const { clock } = other.cluster
      throw new Error(`${arrived} at entry ${index} of ${log.length}: ${JSON.stringify(entry)}, the world is at ${clock.now} with ${clock.executed} events`)
    }
    if (entry.input) other.world.apply(entry.input)
  }
  other.wishes.length = 0
  return other
}
