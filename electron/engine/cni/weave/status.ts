import type { NodeContext } from '../types.ts'
import { EXPOSE } from './ipam.ts'
import { WEAVE_VERSION } from './names.ts'
import type { WeaveRouter } from './router.ts'

/** What `weave status` and its kin print: the templates of prog/weaver/http.go. */
function counts(words: readonly string[], order: readonly string[]): string {
  return order.flatMap((word) => {
    const n = words.filter((w) => w === word).length
    return n > 0 ? [`${n} ${word}`] : []
  }).join(', ')
}

export function statusText(context: NodeContext, router: WeaveRouter): string {
  const { mesh, allocator } = router
  const rows = mesh.rows()
  const peers = [...mesh.peers.values()]
  const connections = counts(rows.map((r) => r.state), ['established', 'pending', 'retrying', 'failed', 'connecting'])
  const known = counts(peers.flatMap((p) => p.connections.map((c) => (c.established ? 'established' : 'pending'))), ['established', 'pending'])
  const state = allocator.ring.empty
    ? `awaiting consensus (quorum: ${router.quorum}, known: ${mesh.neighbours.length + 1})`
    : router.unreachableOwners ? "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead" : 'ready'
  const next = new Date(context.clock.wall() - context.clock.now + router.startedAt + 6 * 3_600_000).toISOString()
  return [
    `        Version: ${WEAVE_VERSION} (failed to check latest version - see logs; next check at ${next.slice(0, 10).replaceAll('-', '/')} ${next.slice(11, 19)})`,
    '',
    '        Service: router',
    '       Protocol: weave 1..2',
    `           Name: ${router.name}(${context.name})`,
    '     Encryption: disabled',
    '  PeerDiscovery: enabled',
    `        Targets: ${mesh.targets.length}`,
    `    Connections: ${rows.length}${connections ? ` (${connections})` : ''}`,
    `          Peers: ${peers.length}${known ? ` (with ${known} connections)` : ''}`,
    ' TrustedSubnets: none',
    '',
    '        Service: ipam',
    `         Status: ${state}`,
    `          Range: ${router.range}`,
    `  DefaultSubnet: ${router.range}`,
    '',
  ].join('\n')
}

export function connectionsText({ mesh }: WeaveRouter): string {
  return mesh.rows().map((r) => `${r.outbound ? '->' : '<-'} ${r.address.padEnd(21)} ${r.state.padEnd(11)} ${r.info} ${r.attributes}\n`).join('')
}

export function peersText({ mesh }: WeaveRouter): string {
  return [...mesh.peers.values()].map((peer) => {
    const rows = peer.connections.map((c) => `   ${c.outbound ? '->' : '<-'} ${c.address.padEnd(21)} ${`${c.name}(${c.nickname})`.padEnd(37)} ${c.established ? 'established' : 'pending'}\n`)
    return `${peer.name}(${peer.nickname})\n${rows.join('')}`
  }).join('')
}

export function ipamText(router: WeaveRouter): string {
  const { ring } = router.allocator
  const shares = [...ring.shares()]
  const row = ([peer, ips]: [string, number], info: string): string => {
    const percent = ((ips * 100) / ring.size).toFixed(1).padStart(4, '0')
    return `${`${peer}(${router.nickname(peer)})`.padEnd(37)} ${String(ips).padStart(8)} IPs (${percent}% of total) ${info}\n`
  }
  return [
    ...shares.filter(([peer]) => peer === router.name).map((s) => row(s, `(${router.allocator.active} active)`)),
    ...shares.filter(([peer]) => peer !== router.name).map((s) => row(s, router.mesh.peers.has(s[0]) ? '' : '- unreachable!')),
  ].join('')
}

/** `weave ps`: who has which address, each with the MAC address of its interface. */
export function psText(router: WeaveRouter): string {
  const length = router.range.split('/')[1]
  return router.allocator.list().map(({ id, ip }) => {
    const mac = id === EXPOSE ? router.name : router.macOf(id)
    return `${[id === EXPOSE ? id : id.slice(0, 12), ...(mac === undefined ? [] : [mac]), `${ip}/${length}`].join(' ')}\n`
  }).join('')
}
