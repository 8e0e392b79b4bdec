import { createCluster, decodeUtf8, encodeUtf8, parseClusterConfig, type Cluster, type Pod, type Process, type Task } from '../../cluster.ts'
import { confirmCanonical } from '../kinds/canonical.samples.ts'
import type { Event } from '../types.ts'

/** A box with a few words that the containers of the kubelet's stories say; the shell's programs are in rooms above. */
function* box(process: Process): Task<number> {
  const [, word, ...rest] = process.argv
  switch (word) {
    case 'exit': return Number(rest[0])
    case 'say':
      yield* process.print(`${rest.join(' ')}\n`)
      return Number(process.env.get('CODE') ?? 0)
    case 'write':
      process.fs.writeFile(rest[0]!, rest[1]!)
      return 0
    case 'last-words':
      process.fs.writeFile(rest[0]!, rest[1]!)
      return 1
    case 'nap':
      yield* process.sleep(Number(rest[0]), { background: false })
      return 0
    case 'serve': {
      // answers every request with this status; "mute" never answers
      const [port, status = '200 OK', ...headers] = rest
      const heard = process.network.sockets.listen({ port: Number(port), owner: { pid: process.pid, program: 'box' } }, (connection) => {
        connection.handlers = {
          onData: (data) => {
            process.fs.appendFile('/heard', decodeUtf8(data))
            if (status !== 'mute') connection.send(encodeUtf8(`HTTP/1.1 ${status}\r\n${headers.map((h) => `${h}\r\n`).join('')}Content-Length: 0\r\n\r\n`))
          },
        }
      })
      process.onExit(() => heard.close())
      process.onSignal('SIGTERM', () => process.exit(0))
      for (;;) yield* process.sleep(1_000)
    }
    case 'deaf':
      for (;;) yield* process.sleep(1_000)
    default:
      process.onSignal('SIGTERM', () => process.exit(0))
      for (;;) yield* process.sleep(1_000)
  }
}

/** A cluster that has settled, and what these stories do with it. */
export class Story {
  readonly cluster: Cluster

  constructor(config: object = {}) {
    this.cluster = createCluster(parseClusterConfig(config))
    this.cluster.programs.register('busybox', box)
    confirmCanonical(this.cluster.client, 'pods', 'endpointslices', 'endpoints')
    this.cluster.settle()
  }

  /** Words of the box: a container's command. */
  static does(...args: string[]): { command: string[] } {
    return { command: ['/bin/busybox', ...args] }
  }

  run(name: string, spec: { [key: string]: unknown; containers: object[] }, metadata: object = {}): void {
    const image = (c: object): object => ({ image: 'busybox', name: 'main', ...Story.does('stay'), ...c })
    const init = (spec['initContainers'] as object[] | undefined)?.map(image)
    this.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec: { ...spec, ...(init ? { initContainers: init } : {}), containers: spec.containers.map(image) } })
    this.cluster.settle()
  }

  create(resource: string, object: object): void {
    this.cluster.client.create(resource, 'default', object)
  }

  pod(name = 'web'): Pod {
    return this.cluster.client.get<Pod>('pods', 'default', name)
  }

  gone(name = 'web'): boolean {
    return !this.cluster.client.list<Pod>('pods', { namespace: 'default' }).items.some((p) => p.metadata.name === name)
  }

  /** "main: waiting CrashLoopBackOff, 2 restarts" */
  state(container = 'main', pod = 'web'): string {
    const { status } = this.pod(pod)
    const c = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? []), ...(status.ephemeralContainerStatuses ?? [])].find((s) => s.name === container)
    if (!c) return 'no status'
    const { waiting, running, terminated } = c.state ?? {}
    const what = waiting ? `waiting ${waiting.reason}` : running ? `running${c.ready ? ', ready' : ''}` : `terminated ${terminated?.reason} ${terminated?.exitCode}`
    return c.restartCount > 0 ? `${what}, restarted ${c.restartCount}` : what
  }

  /** "Normal Pulled Container image …", in the order in which they first happened. */
  events(of = 'web', reasons?: readonly string[]): string[] {
    return this.cluster.client.list<Event>('events', { namespace: 'default' }).items
      .filter((e) => e.involvedObject.name === of && e.source?.component === 'kubelet' && (!reasons || reasons.includes(e.reason ?? '')))
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .map((e) => `${e.type} ${e.reason} ${e.message}`)
  }

  condition(type: string, name = 'web'): object | undefined {
    const { lastProbeTime: _, lastTransitionTime: __, type: ___, ...rest } = this.pod(name).status.conditions?.find((c) => c.type === type) ?? { type }
    return rest
  }

  delete(name = 'web', options: object = {}): void {
    this.cluster.client.delete('pods', 'default', name, options)
  }

  file(path: string, container?: string, pod = 'web'): string {
    return this.cluster.container('default', pod, container)!.fs.readText(path)
  }

  pass(seconds: number): void {
    this.cluster.clock.runFor(seconds * 1000)
  }
}
