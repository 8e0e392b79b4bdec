import { SystemError } from '../../machine/errors.ts'
import { Signal, sleep, type Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { joinHostPort } from '../../network/address.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import { etcdAlone } from '../etcd/alone.ts'
import { placesOf, serveEtcd } from '../etcd/server.ts'
import { DATABASE, type Member } from '../../kubernetes/etcd/database.ts'
import { auditing } from '../kube-apiserver/auditing.ts'
import { serveApi } from '../kube-apiserver/server.ts'
import { klogLine } from '../klog.ts'
import { ownerOf } from '../stream.ts'
import type { ControlPlanePart, PartName, SystemServices } from '../types.ts'
import { flagsOf, refusalOf, type Refusal } from './flags.ts'
import { serveHealth } from './health.ts'

export const PARTS: readonly PartName[] = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']
const HEALTH_PORTS = { 'kube-controller-manager': 10_257, 'kube-scheduler': 10_259 } as const
/** How long kube-apiserver waits for etcd before it gives up (ms): the storage factory's deadline. */
const PATIENCE = 20_000

/** A program of the control plane: what it does is done while it runs. */
export function controlPlanePart(name: PartName, services: SystemServices): Program {
  return function* (process) {
    const { controlPlane } = services
    const node = services.nodeOf(process)?.name
    const usual = node === undefined ? undefined : controlPlane?.commandOf(name, node)
    if (!controlPlane || node === undefined || !usual) {
      if (name === 'etcd') return yield* etcdAlone(process, flagsOf(process.argv))
      yield* process.printError(`podhop: not simulated: ${name} outside a node's static Pods (use the Pods in kube-system)\n`)
      return 69
    }
    const running: { part?: ControlPlanePart } = {}
    const refused = refusalOf(process, name, usual, (message) => failure(process, name, message)) ?? (name === 'kube-apiserver' ? yield* startAuditing(process, services) : undefined) ?? listen(process, name, services, () => running.part?.metrics?.() ?? '')
    if (refused) {
      yield* process.printError(refused.message)
      return refused.code
    }
    const ended = new Signal()
    let lost = false
    let over = false
    const part = (running.part = controlPlane.start(name, process.argv, () => {
      lost = true
      ended.notify()
    }))
    process.onExit(() => part.stop())
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.onSignal(signal, () => {
        over = true
        ended.notify()
      })
    }
    while (!lost && !over) yield ended.wait
    if (over) return 0
    yield* process.printError(klogLine(process.clock.wall(), 'E', process.pid, name === 'kube-scheduler' ? 'server.go:310' : 'controllermanager.go:362', '"leaderelection lost"'))
    return 1
  }
}

/** The last words of a program that does not come up (k8s.io/component-base/cli run.go; etcd's zap). */
function failure(process: Process, name: PartName, message: string): Refusal {
  const wall = process.clock.wall()
  if (name !== 'etcd') return { code: 1, message: klogLine(wall, 'E', process.pid, 'run.go:72', `"command failed" err=${JSON.stringify(message)}`) }
  return { code: 1, message: `${JSON.stringify({ level: 'fatal', ts: zapTime(wall), caller: 'etcdmain/etcd.go:204', msg: 'discovery failed', error: message })}\n` }
}

/** What kube-apiserver does before it listens: it opens its audit log, and waits for etcd. */
function* startAuditing(process: Process, { client, controlPlane }: SystemServices): Task<Refusal | undefined> {
  const warnings: string[] = []
  const server = client.way?.server ?? client
  const audit = auditing(process, flagsOf(process.argv), server, (line) => void warnings.push(line))
  for (const line of warnings) yield* process.printError(line)
  if ('refused' in audit) {
    if (audit.notSimulated) return { code: 69, message: `${audit.refused}\n` }
    return audit.isUsage ? { code: 1, message: `Error: ${audit.refused}\n` } : failure(process, 'kube-apiserver', audit.refused)
  }
  const { requests } = server
  const born = controlPlane!.works('kube-apiserver')
  const refused = born ? undefined : yield* waitForEtcd(process)
  if (refused || !requests) return refused
  // one that works since the cluster's birth has counted since then
  if (born && !audit.log) return undefined
  requests.restart(audit.log)
  process.onExit(() => requests.stop())
  return undefined
}

/** etcd's logs have microseconds. */
function zapTime(wall: number): string {
  return new Date(wall).toISOString().replace(/Z$/, '000Z')
}

/** Its own ports. */
function listen(process: Process, name: PartName, services: SystemServices, metrics: () => string): Refusal | undefined {
  const flags = flagsOf(process.argv)
  const address = flags.get('bind-address') ?? '0.0.0.0'
  try {
    if (name === 'etcd') return startEtcd(process, flags, services)
    else if (name === 'kube-apiserver') serveApi(process, services, flags.get('tls-cert-file') ?? '')
    else serveHealth(process, name, address, HEALTH_PORTS[name], { client: services.client, metrics })
    return undefined
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    const why = error.code === 'EADDRINUSE' ? 'address already in use' : 'cannot assign requested address'
    if (name === 'etcd') return failure(process, name, `listen tcp ${(error as SystemError & { place?: string }).place}: bind: ${why}`)
    const place = name === 'kube-apiserver' ? '0.0.0.0:6443' : joinHostPort(address, HEALTH_PORTS[name])
    return failure(process, name, `failed to create listener: failed to listen on ${place}: listen tcp ${place}: bind: ${why}`)
  }
}

/** etcd opens its data directory first; what it has there is the cluster's, and stays there when it ends. */
function startEtcd(process: Process, flags: ReadonlyMap<string, string>, { controlPlane }: SystemServices): Refusal | undefined {
  const { storage, works } = controlPlane!
  const directory = process.resolve(flags.get('data-dir') ?? `${flags.get('name') ?? 'default'}.etcd`)
  const fs = process.fs as MemoryFilesystem
  const own: Member = { name: flags.get('name') ?? 'default', peerUrls: flags.get('initial-advertise-peer-urls') ?? '', token: flags.get('initial-cluster-token') ?? 'etcd-cluster' }
  const member = storage.open(fs, directory, own, works.call(controlPlane, 'etcd'))
  if (member === 'empty') return { code: 69, message: `podhop: not simulated: etcd with nothing in ${directory}, a cluster without objects (etcdutl snapshot restore fills a data directory)\n` }
  if (member === 'invalid') return { code: 2, message: `${JSON.stringify({ level: 'panic', ts: zapTime(process.clock.wall()), caller: 'backend/backend.go:189', msg: 'failed to open database', path: `${directory}/${DATABASE}`, error: 'invalid database' })}\n` }
  process.onExit(() => storage.close(fs, directory, member))
  serveEtcd(process, flags, member, storage)
  return undefined
}

/** kube-apiserver comes up when etcd is there; undefined: it is. */
function* waitForEtcd(process: Process): Task<Refusal | undefined> {
  const { clock } = process
  const places = placesOf(flagsOf(process.argv).get('etcd-servers') ?? '')
  const until = clock.now + PATIENCE
  let tries = 0
  while (clock.now < until) {
    for (const { address, port } of places) {
      const why = yield* dial(process, address, port)
      if (why === undefined) return undefined
      const place = joinHostPort(address, port)
      yield* process.printError(klogLine(clock.wall(), 'W', process.pid, 'logging.go:55', `[core] [Channel #${1 + 3 * tries} SubChannel #${3 + 3 * tries}]grpc: addrConn.createTransport failed to connect to {Addr: "${place}", ServerName: "${place}", }. Err: connection error: desc = "transport: Error while dialing: dial tcp ${place}: connect: ${why}"`))
    }
    // gRPC's backoff: 1 s, growing by 1.6
    yield sleep(clock, Math.min(1_000 * 1.6 ** tries++, until - clock.now))
  }
  return { code: 1, message: klogLine(clock.wall(), 'F', process.pid, 'instance.go:226', 'Error creating leases: error creating storage factory: context deadline exceeded') }
}

/** Why nobody can be reached there; undefined: somebody answers. */
function* dial(process: Process, address: string, port: number): Task<string | undefined> {
  let answer: { why: string | undefined } | undefined
  yield (wake) => {
    const done = (why: string | undefined): void => {
      answer ??= { why }
      wake()
    }
    const connection = process.network.sockets.connect({ address, port, owner: ownerOf(process, 'kube-apiserver') }, {
      onConnect: () => {
        connection.abort()
        done(undefined)
      },
      onClose: (error) => done(error?.code === 'ECONNREFUSED' ? 'connection refused' : 'no route to host'),
    })
    return () => connection.abort()
  }
  return answer?.why
}
