import { capable, type Link, type NetworkNamespace, type Process } from '../../../engine/cluster.ts'
import { Elsewhere, Refusal } from './common.ts'
import { netnsId, otherOf } from './print.ts'

/** ip-netns(8), iproute2 6.1: network namespaces that have a name in /run/netns. */
export function netns(process: Process, args: string[]): string {
  const word = args.shift() ?? 'list'
  const verb = ['list', 'show', 'lst', 'add', 'delete', 'exec', 'identify', 'pids', 'help', 'set', 'attach', 'monitor', 'list-id'].find((v) => v.startsWith(word))
  const names = process.machine.netns
  switch (verb) {
    case 'list': case 'show': case 'lst': return (names?.list() ?? []).map(({ name, network }) => `${name}${idText(process.network, network)}\n`).join('')
    case 'add': {
      const name = nameOf(args)
      permit(process)
      if (names!.get(name)) throw new Refusal(`Cannot create namespace file "/run/netns/${name}": File exists\n`, 1)
      names!.add(name)
      return ''
    }
    case 'delete': {
      const name = nameOf(args)
      if (!names?.get(name)) throw new Refusal(`Cannot remove namespace file "/run/netns/${name}": No such file or directory\n`, 1)
      permit(process)
      names.remove(name)
      return ''
    }
    case 'exec': {
      const name = nameOf(args)
      if (args.length === 0) throw new Refusal('No command specified\n', 255)
      throw new Elsewhere(open(process, name), args)
    }
    case 'identify': {
      const pid = args[0] === undefined || args[0] === 'self' ? process.pid : Number(args[0])
      const entry = process.machine.pids.table().get(pid)
      if (!entry) throw new Refusal('Cannot open network namespace: No such file or directory\n', 1)
      return (names?.list() ?? []).filter((n) => n.network === entry.network).map((n) => `${n.name}\n`).join('') || '\n'
    }
    case 'pids': {
      const name = nameOf(args)
      if (!names?.get(name)) throw new Refusal('Cannot open network namespace: No such file or directory\n', 1)
      const network = open(process, name)
      return [...process.machine.pids.table().values()].filter((p) => p.network === network).map((p) => `${p.pid}\n`).join('')
    }
    case undefined: throw new Refusal(`Command "${word}" is unknown, try "ip netns help".\n`, 255)
    default: throw new Refusal(`podhop: not simulated: ip netns ${verb} (use list, add, delete, exec, identify or pids)\n`, 69)
  }
}

/** The named one. Throws Refusal. */
export function open(process: Process, name: string, code = 255): NetworkNamespace {
  const found = process.machine.netns?.get(name)
  if (!found) throw new Refusal(`Cannot open network namespace "${name}": No such file or directory\n`, code)
  if (!capable(process, 'SYS_ADMIN')) throw new Refusal(`setting the network namespace "${name}" failed: Operation not permitted\n`, 1)
  return found
}

function nameOf(args: string[]): string {
  const name = args.shift()
  if (name === undefined) throw new Refusal('No netns name specified\n', 1)
  if (name.includes('/') || name === '.' || name === '..' || name.length > 255) throw new Refusal(`Invalid netns name "${name}"\n`, 255)
  return name
}

function permit(process: Process): void {
  if (process.user.uid !== 0) throw new Refusal('mkdir /run/netns failed: Permission denied\n', 1)
  if (!capable(process, 'SYS_ADMIN')) throw new Refusal('mount --make-shared /run/netns failed: Operation not permitted\n', 1)
  if (!process.machine.netns) throw new Refusal('podhop: not simulated: named network namespaces here (use hop node NODE)\n', 69)
}

/** The number that the kernel gives to namespaces into which there is a link. */
function idText(here: NetworkNamespace, other: NetworkNamespace): string {
  const link = [...here.links.values()].find((l: Link) => otherOf(l)?.namespace === other && other !== here)
  return link ? ` (id: ${netnsId(link)})` : ''
}
