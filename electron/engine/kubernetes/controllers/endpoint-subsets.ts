import type { Endpoints } from '../kinds/endpoints.ts'

export type Subset = NonNullable<Endpoints['subsets']>[number]
type Address = NonNullable<Subset['addresses']>[number]
type Port = NonNullable<Subset['ports']>[number]

/**
 * Subsets in the form that everybody reads them in: ports that the very same addresses have, as ready or not, share a subset,
 * and each address stands once, as it was told first; not ready beats ready. pkg/api/v1/endpoints RepackSubsets (v1.33). (Upstream
 * puts them in an order by hashes; here they stand in the order of their ports.)
 */
export function repackSubsets(subsets: readonly Subset[]): Subset[] {
  const known = new Map<string, Address>()
  const byPort = new Map<string, { port: Port | undefined; addresses: Map<Address, boolean> }>()
  for (const subset of subsets) {
    // those without ports are kept, too
    for (const port of subset.ports?.length ? subset.ports : [undefined]) {
      const key = JSON.stringify([port?.name ?? '', port?.port, port?.protocol ?? 'TCP', port?.appProtocol])
      if (!byPort.has(key)) byPort.set(key, { port, addresses: new Map() })
      const { addresses } = byPort.get(key)!
      for (const [list, ready] of [[subset.addresses, true], [subset.notReadyAddresses, false]] as const) {
        for (const told of list ?? []) {
          const who = `${told.ip} ${told.targetRef?.uid ?? ''}`
          if (!known.has(who)) known.set(who, told)
          const address = known.get(who)!
          if (addresses.get(address) !== false) addresses.set(address, ready)
        }
      }
    }
  }
  const order = new Map([...known.values()].sort(byIp).map((address, i) => [address, i]))
  const groups = new Map<string, { ports: Port[]; addresses: Map<Address, boolean> }>()
  for (const { port, addresses } of byPort.values()) {
    const key = [...addresses].map(([address, ready]) => `${order.get(address)} ${ready}`).sort().join()
    if (!groups.has(key)) groups.set(key, { ports: [], addresses })
    if (port) groups.get(key)!.ports.push(port)
  }
  return [...groups.values()].map(({ ports, addresses }) => {
    const those = (ready: boolean): Address[] => [...addresses.keys()].filter((a) => addresses.get(a) === ready).sort((a, b) => order.get(a)! - order.get(b)!)
    return { addresses: those(true), notReadyAddresses: those(false), ports }
  })
}

/** By the text of the address, as bytes; those that belong to nobody first. */
function byIp(a: Address, b: Address): number {
  const [x, y] = [`${a.ip}\0${a.targetRef?.uid ?? ''}`, `${b.ip}\0${b.targetRef?.uid ?? ''}`]
  return x < y ? -1 : x > y ? 1 : 0
}
