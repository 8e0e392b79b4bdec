import { parseHosts } from '../../engine/dns/hosts-file.ts'
import { resolveHost, type Resolved } from '../../engine/dns/resolver.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { nameOfAddress } from '../nettools/names.ts'
import { Failure, NotSimulated, tool, type Run } from './command.ts'

/**
 * hostname(1) of Debian (3.23) and BusyBox: the machine's own name, and what the resolver makes of it. In a Pod the
 * full name is the one that the kubelet wrote to /etc/hosts.
 */
tool('hostname', {
  flags: 'fsdiIAa', values: 'F', unsupported: 'by',
  long: { fqdn: 'f', long: 'f', short: 's', domain: 'd', alias: 'a', 'ip-address': 'i', 'all-ip-addresses': 'I', 'all-fqdns': 'A', file: 'F=' },
}, function* (run) {
  const { options } = run
  const asked = options.last('f', 's', 'd', 'i', 'I', 'A', 'a')
  if (run.isBusybox && asked !== undefined && 'IAa'.includes(asked)) throw new Failure(`invalid option -- '${asked}'`)
  if (options.operands.length > 0 || options.has('F')) throw new NotSimulated('changing the host name')
  yield* print(run, asked)
})

tool('dnsdomainname', {}, (run) => print(run, 'd'))

function* print(run: Run, asked: string | undefined): Task<void> {
  const { process } = run
  const name = process.machine.hostname
  switch (asked) {
    case undefined: return yield* run.print(`${name}\n`)
    case 's': return yield* run.print(`${name.split('.')[0]}\n`)
    case 'f': return yield* run.print(`${(yield* known(run)).canonicalName ?? name}\n`)
    case 'i': return yield* run.print(`${[...new Set((yield* known(run)).addresses)].join(' ')}\n`)
    case 'I': return yield* run.print(`${globalAddresses(process).map((address) => `${address} `).join('')}\n`)
    case 'a': {
      yield* known(run)
      return yield* run.print(`${aliases(process, name).join(' ')}\n`)
    }
    case 'A': {
      let line = ''
      for (const address of globalAddresses(process)) {
        const found = yield* nameOfAddress(process, address)
        if (found !== undefined) line += `${found} `
      }
      return yield* run.print(`${line}\n`)
    }
    case 'd': {
      const full = (yield* known(run)).canonicalName ?? name
      const dot = full.indexOf('.')
      if (dot >= 0) yield* run.print(`${full.slice(dot + 1)}\n`)
    }
  }
}

/** What the resolver knows about the machine's own name; where it knows nothing the tool gives up. */
function* known(run: Run): Task<Resolved> {
  const name = run.process.machine.hostname
  const found = yield* resolveHost(run.process, name)
  if ('addresses' in found) return found
  throw new Failure(run.isBusybox ? `${name}: ${found.error === 'EAI_AGAIN' ? 'Host name lookup failure' : 'Unknown host'}` : found.message)
}

function globalAddresses(process: Process): string[] {
  return [...process.network.links.values()].filter((l) => l.kind !== 'loopback' && l.up).flatMap((l) => l.addresses.filter((a) => a.scope === 'global').map((a) => a.address))
}

function aliases(process: Process, name: string): string[] {
  const text = process.fs.exists('/etc/hosts') ? process.fs.readText('/etc/hosts') : ''
  return parseHosts(text).find((entry) => entry.names.includes(name))?.names.slice(1) ?? []
}
