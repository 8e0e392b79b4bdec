import { decodeUtf8, resolveHost, canonicalIp, type Process, type ResolveFailure, type Task } from '../../engine/cluster.ts'
import { ask, resolverConfig, reverseName } from './dns/query.ts'

/**
 * getnameinfo(3): /etc/hosts, then a PTR record; undefined where nobody knows. `known` keeps answers for one program's run;
 * `asked` is a name server in place of resolv.conf's first.
 */
export function* nameOfAddress(process: Process, address: string, known?: Map<string, string | undefined>, asked?: string): Task<string | undefined> {
  if (known?.has(address)) return known.get(address)
  const name = fromHosts(process, address) ?? (yield* fromDns(process, address, asked))
  known?.set(address, name)
  return name
}

/** The name that /etc/hosts gives to an address. */
export function fromHosts(process: Process, address: string): string | undefined {
  if (!process.fs.exists('/etc/hosts')) return undefined
  for (const line of decodeUtf8(process.fs.readFile('/etc/hosts')).split('\n')) {
    const [ip, name] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (name !== undefined && canonicalIp(ip ?? '') === address) return name
  }
  return undefined
}

function* fromDns(process: Process, address: string, asked?: string): Task<string | undefined> {
  const server = asked ?? resolverConfig(process).nameservers[0]
  const name = reverseName(address)
  if (server === undefined || name === undefined) return undefined
  const answer = yield* ask(process, { name, type: 'PTR', server, port: 53, tcp: false, timeout: 5000, tries: 2, recursion: true, edns: false, hearsAll: true })
  if ('failure' in answer) return undefined
  const pointer = answer.message.answers.find((r) => r.data.type === 'PTR')
  return pointer?.data.type === 'PTR' ? pointer.data.target.replace(/\.$/, '') : undefined
}

/** An address that a person wrote, or what the resolver makes of a name. */
export function* addressOf(process: Process, host: string, family?: 4 | 6): Task<{ address: string } | ResolveFailure> {
  const literal = canonicalIp(host)
  if (literal !== undefined && family !== undefined && literal.includes(':') !== (family === 6)) return { error: 'EAI_NONAME', message: 'Address family for hostname not supported' }
  if (literal !== undefined) return { address: literal }
  const resolved = yield* resolveHost(process, host, family === undefined ? {} : { family })
  return 'error' in resolved ? resolved : { address: resolved.addresses[0]! }
}
