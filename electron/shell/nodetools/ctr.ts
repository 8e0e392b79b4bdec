import type { Cluster, Process, Task } from '../../engine/cluster.ts'
import { TabWriter } from '../kubectl/printers/tabwriter.ts'

/** ctr of containerd 2.0: what lies below crictl. Kubernetes' things are in the namespace k8s.io. */
export function ctr(cluster: Cluster) {
  return function* (process: Process): Task<number> {
    const words = process.argv.slice(1)
    let namespace = process.env.get('CONTAINERD_NAMESPACE') ?? 'default'
    let quiet = false
    while (words[0]?.startsWith('-')) {
      const word = words.shift()!
      if (word === '-n' || word === '--namespace') namespace = words.shift() ?? ''
      else if (word.startsWith('--namespace=')) namespace = word.slice(12)
      else if (word === '-v' || word === '--version') {
        yield* process.print('ctr containerd.io v2.0.5\n')
        return 0
      } else if (word === '-a' || word === '--address') words.shift()
      else {
        yield* process.printError(`podhop: not simulated: ctr ${word} (use ctr -n k8s.io containers|tasks|images ls)\n`)
        return 69
      }
    }
    const [object = '', verb = 'ls', ...rest] = words
    quiet = rest.some((w) => w === '-q' || w === '--quiet')
    const view = cluster.nodeView(process.machine)
    if (!view || !view.services.get('containerd').active || process.user.uid !== 0) {
      yield* process.printError(`ctr: failed to dial "/run/containerd/containerd.sock": context deadline exceeded: connection error: desc = "transport: error while dialing: dial unix:///run/containerd/containerd.sock: timeout"\n`)
      return 1
    }
    const list = ['ls', 'list'].includes(verb)
    const ours = namespace === 'k8s.io'
    const table = (options: ConstructorParameters<typeof TabWriter>[0], rows: string[][]): Task<void> => {
      const writer = new TabWriter(options)
      for (const row of rows) writer.write(`${row.join('\t')}\n`)
      return process.print(writer.flush())
    }
    const sandboxes = ours ? view.runtime.sandboxes().filter((s) => s.ready) : []
    const containers = ours ? view.runtime.containers() : []
    if (object === 'version') {
      yield* process.print('Client:\n  Version:  v2.0.5\n  Revision: fb4c30d4ede3531652d86197bf3fc9515e5276d9\n  Go version: go1.23.8\n\nServer:\n  Version:  v2.0.5\n  Revision: fb4c30d4ede3531652d86197bf3fc9515e5276d9\n')
      return 0
    }
    if (['namespaces', 'namespace', 'ns'].includes(object) && list) {
      yield* process.print(quiet ? 'k8s.io\n' : 'NAME   LABELS \nk8s.io        \n')
      return 0
    }
    if (['containers', 'container', 'c'].includes(object) && list) {
      const rows = [...containers.map((c) => [c.id, c.image?.reference ?? '-']), ...sandboxes.map((s) => [s.id, 'registry.k8s.io/pause:3.10'])].sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
      if (quiet) yield* process.print(rows.map(([id]) => `${id}\n`).join(''))
      else yield* table({ minWidth: 4, padding: 4 }, [['CONTAINER', 'IMAGE', 'RUNTIME', ''], ...rows.map((r) => [...r, 'io.containerd.runc.v2', ''])])
      return 0
    }
    if (['tasks', 'task', 't'].includes(object) && list) {
      const rows = [...containers.flatMap((c) => (c.run ? [[c.id, String(view.processes.pidOf(c.run.process)), 'RUNNING']] : [])), ...sandboxes.flatMap((s) => (s.pause ? [[s.id, String(view.processes.pidOf(s.pause.process)), 'RUNNING']] : []))].sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
      if (quiet) yield* process.print(rows.map(([id]) => `${id}\n`).join(''))
      else yield* table({ minWidth: 4, padding: 4 }, [['TASK', 'PID', 'STATUS', ''], ...rows.map((r) => [...r, ''])])
      return 0
    }
    if (['images', 'image', 'i'].includes(object) && list) {
      const rows = ours ? view.runtime.images.present().flatMap((i) => [i.reference, i.digest, i.id].map((name) => ({ name, image: i }))).sort((a, b) => (a.name < b.name ? -1 : 1)) : []
      if (quiet) yield* process.print(rows.map((r) => `${r.name}\n`).join(''))
      else yield* table({ minWidth: 1, padding: 1 }, [['REF', 'TYPE', 'DIGEST', 'SIZE', 'PLATFORMS', 'LABELS', ''], ...rows.map(({ name, image }) => [name, 'application/vnd.oci.image.index.v1+json', image.digest.split('@')[1]!, humanBinarySize(image.size), 'linux/amd64', image.reference.includes('/pause:') ? 'io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned' : 'io.cri-containerd.image=managed', ''])])
      return 0
    }
    yield* process.printError(`podhop: not simulated: ctr ${[object, verb].filter(Boolean).join(' ')} (use ctr -n k8s.io containers|tasks|images ls, and crictl)\n`)
    return 69
  }
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
