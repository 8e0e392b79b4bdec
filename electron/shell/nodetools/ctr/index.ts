import type { Cluster, ContainerView, NodeView, Process, SandboxView, Task } from '../../../engine/cluster.ts'
import { sortedGoJson } from '../../kubectl/json.ts'
import { containerInfo, containerLabels, podLabels, rfc3339, sandboxInfo } from '../crictl/objects.ts'
import { GROUPS, groupHelp, nameOf, rootHelp } from './help.ts'
import { CtrError, Runtime } from './runtime.ts'
import { execTask, killTask, tasksOf } from './tasks.ts'

const VERSION = 'v2.0.5'
const REVISION = 'fb4c30d4ede3531652d86197bf3fc9515e5276d9'
const PAUSE = 'registry.k8s.io/pause:3.10'
const INSTEAD = 'use ctr -n k8s.io containers ls|info, tasks ls|ps|exec|kill, images ls or namespaces ls, and crictl'

class NotSimulated extends Error {}

/** ctr of containerd 2.0: what lies below crictl. Kubernetes' things are in the namespace k8s.io. */
export function ctr(cluster: Cluster) {
  return function* (process: Process): Task<number> {
    try {
      return yield* run(cluster, process)
    } catch (error) {
      if (error instanceof NotSimulated) {
        yield* process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (!(error instanceof CtrError)) throw error
      yield* process.printError(`ctr: ${error.message}\n`)
      return 1
    }
  }
}

function* run(cluster: Cluster, process: Process): Task<number> {
  const words = process.argv.slice(1)
  let namespace = process.env.get('CONTAINERD_NAMESPACE') ?? 'default'
  let address = process.env.get('CONTAINERD_ADDRESS') ?? '/run/containerd/containerd.sock'
  while (words[0]?.startsWith('-')) {
    const [name, inline] = words.shift()!.split(/=(.*)/s) as [string, string?]
    const value = (): string => inline ?? words.shift() ?? ''
    if (/^--?(n|namespace)$/.test(name)) namespace = value()
    else if (/^--?(a|address)$/.test(name)) address = value()
    else if (/^--?(timeout|connect-timeout)$/.test(name)) value()
    else if (/^--?(v|version)$/.test(name)) {
      yield* process.print(`ctr github.com/containerd/containerd/v2 ${VERSION}\n`)
      return 0
    } else if (/^--?(h|help)$/.test(name)) words.splice(0, words.length, 'help')
    else if (!/^--?debug$/.test(name)) {
      const message = `flag provided but not defined: ${name.replace(/^--/, '-')}`
      yield* process.print(`Incorrect Usage: ${message}\n\n${rootHelp(VERSION)}`)
      throw new CtrError(message)
    }
  }
  const [typed, ...rest] = words
  if (typed === undefined || ((typed === 'help' || typed === 'h') && rest[0] === undefined)) {
    yield* process.print(rootHelp(VERSION))
    return 0
  }
  const asked = typed === 'help' || typed === 'h' ? rest[0]! : typed
  const command = nameOf(asked)
  if (command === undefined) {
    yield* process.print(`No help topic for '${asked}'\n`)
    return 3
  }
  const [word, ...args] = rest
  const wantsHelp = typed !== asked || word === undefined || /^(--?help|-h|help|h)$/.test(word)
  if (GROUPS.has(command) && wantsHelp) {
    yield* process.print(groupHelp(command))
    return 0
  }
  const verb = GROUPS.has(command) ? nameOf(word!, command) : undefined
  if (GROUPS.has(command) && verb === undefined) {
    yield* process.print(`No help topic for '${word!}'\n`)
    return 3
  }
  const view = cluster.nodeView(process.machine)
  if (!view || !view.services.get('containerd').active || process.user.uid !== 0 || address !== '/run/containerd/containerd.sock') {
    const why = view?.services.get('containerd').active && process.user.uid !== 0 ? 'permission denied' : 'timeout'
    throw new CtrError(`failed to dial "${address}": context deadline exceeded: connection error: desc = "transport: error while dialing: dial unix${why === 'timeout' ? ':' : ''} ${why === 'timeout' ? `//${address}: timeout` : `${address}: connect: ${why}`}"`.replace('unix: //', 'unix://'))
  }
  if (command === 'version') {
    const own = (whose: string): string => `${whose}:\n  Version:  ${VERSION}\n  Revision: ${REVISION}\n`
    yield* process.print(`${own('Client')}  Go version: go1.23.8\n\n${own('Server')}  UUID: ${view.identity.system}\n`)
    return 0
  }
  const action = ACTIONS.get(`${command} ${verb}`)
  if (!action) throw new NotSimulated(`ctr ${[command, verb].filter(Boolean).join(' ')} (${INSTEAD})`)
  return (yield* action(new Runtime(process, view, namespace), args)) ?? 0
}

type Action = (runtime: Runtime, args: readonly string[]) => Task<number | void>

const isQuiet = (args: readonly string[]): boolean => args.some((w) => w === '-q' || w === '--quiet')
const byFirst = (rows: string[][]): string[][] => rows.sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
const firsts = (rows: readonly string[][]): string => rows.map(([first]) => `${first}\n`).join('')

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['namespaces list', ({ process }, args) => process.print(isQuiet(args) ? 'k8s.io\n' : 'NAME   LABELS \nk8s.io        \n')],
  ['containers list', function* (runtime, args) {
    const rows = byFirst([...runtime.containers.map((c) => [c.id, c.image?.reference ?? '-']), ...runtime.sandboxes.map((s) => [s.id, PAUSE])])
    if (isQuiet(args)) yield* runtime.process.print(firsts(rows))
    else yield* runtime.table({ minWidth: 4, padding: 4 }, [['CONTAINER', 'IMAGE', 'RUNTIME', ''], ...rows.map((r) => [...r, 'io.containerd.runc.v2', ''])])
  }],
  ['containers info', function* (runtime, args) {
    const id = args.find((a) => !a.startsWith('-'))
    if (id === undefined) throw new CtrError('container id must be provided: invalid argument')
    const found = runtime.find(id)
    const spec = specOf(runtime.view, found)
    if (args.includes('--spec')) return yield* runtime.process.print(`${sortedGoJson(spec, '    ')}\n`)
    const isContainer = 'sandbox' in found
    const kind = isContainer ? 'container' : 'sandbox'
    const at = rfc3339(found.createdAt)
    yield* runtime.process.print(`${JSON.stringify({
      ID: found.id, Labels: { ...(isContainer ? containerLabels(found) : podLabels(found)), 'io.cri-containerd.kind': kind }, Image: isContainer ? (found.image?.reference ?? '') : PAUSE,
      Runtime: { Name: 'io.containerd.runc.v2', Options: { type_url: 'containerd.runc.v1.Options', value: 'SAE=' } }, SnapshotKey: found.id, Snapshotter: 'overlayfs', CreatedAt: at, UpdatedAt: at,
      Extensions: null, SandboxID: isContainer ? found.sandbox.id : found.id, Spec: JSON.parse(sortedGoJson(spec, '')) as unknown,
    }, null, 4)}\n`)
  }],
  ['tasks list', function* (runtime, args) {
    const rows = byFirst(tasksOf(runtime).map(({ id, pid }) => [id, String(pid), 'RUNNING']))
    if (isQuiet(args)) yield* runtime.process.print(firsts(rows))
    else yield* runtime.table({ minWidth: 4, padding: 4 }, [['TASK', 'PID', 'STATUS', ''], ...rows])
  }],
  ['tasks ps', function* (runtime, args) {
    const found = runtime.find(args[0] ?? '')
    const task = tasksOf(runtime).find((t) => t.id === found.id)
    if (!task) throw new CtrError(`no running task found: task ${found.id} not found: not found`)
    yield* runtime.table({ minWidth: 1, padding: 4 }, [['PID', 'INFO'], ...task.pids().map((pid) => [String(pid), '-'])])
  }],
  ['tasks exec', execTask],
  ['tasks kill', killTask],
  ['images list', function* (runtime, args) {
    const images = runtime.namespace === 'k8s.io' ? runtime.view.runtime.images.present() : []
    const rows = images.flatMap((i) => [i.reference, i.digest, i.id].map((name) => ({ name, image: i }))).sort((a, b) => (a.name < b.name ? -1 : 1))
    if (isQuiet(args)) yield* runtime.process.print(rows.map((r) => `${r.name}\n`).join(''))
    else {
      yield* runtime.table({ minWidth: 1, padding: 1 }, [['REF', 'TYPE', 'DIGEST', 'SIZE', 'PLATFORMS', 'LABELS', ''], ...rows.map(({ name, image }) => [
        name, 'application/vnd.oci.image.index.v1+json', image.digest.split('@')[1]!, humanBinarySize(image.size), 'linux/amd64', image.reference.includes('/pause:') ? 'io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned' : 'io.cri-containerd.image=managed', '',
      ])])
    }
  }],
])

function specOf(view: NodeView, found: ContainerView | SandboxView): unknown {
  return ('sandbox' in found ? containerInfo(view, found) : sandboxInfo(view, found))['runtimeSpec']
}

/** units.BytesSize as ctr prints sizes: "69.0 MiB". */
function humanBinarySize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  let size = bytes
  let i = 0
  while (size >= 1024 && i < units.length - 1) {
    size /= 1024
    i++
  }
  return `${size.toFixed(1)} ${units[i]}`
}
