import { cidrContains, type Cluster } from '../../engine/cluster.ts'

/** Any client of the internet: the machine "external" takes its address for as long as one trace lasts, and whoever stands outside knows the way to it. */
export function takeAddress(cluster: Cluster, address: string): { release(): void } | { error: string } {
  const family = address.includes(':') ? 6 : 4
  const { network } = cluster.external
  const nic = [...network.links.values()].find((l) => l.kind === 'nic')
  const via = nic?.addresses.find((a) => a.address.includes(':') === (family === 6) && a.scope === 'global')?.address
  const refused = (why: string): { error: string } => ({ error: `hop: source "external/${address}": ${why}; expected an address of the outside, as ${family === 6 ? '2001:db8:1::7' : '198.51.100.7'}` })
  if (!nic || via === undefined) return { error: `hop: source "external/${address}": the outside has no IPv${family} here (ipFamilies in the cluster file)` }
  if (/^(0|127|22[4-9]|2[3-5]\d)\.|^(::1?$|f[ef])/i.test(address)) return refused('no client has that address')
  const { podCIDR, serviceCIDR } = cluster.config
  const own = [...podCIDR, ...serviceCIDR].find((cidr) => cidr.includes(':') === (family === 6) && cidrContains(cidr, address))
  if (own !== undefined) return refused(`it belongs to the cluster's own ${own}`)
  const host = `${address}/${family === 6 ? 128 : 32}`
  const owner = cluster.networks().find((n) => n.isLocal(address))
  // one of the resolvers of the internet, as any other of its clients
  const lender = owner?.kind === 'outside' && owner.links.get('lo')?.addresses.some((a) => a.address === address) ? owner : undefined
  if (owner && !lender) return refused(`it is ${owner.name}'s`)
  const onWire = [...cluster.nodes.values()].flatMap((n) => [...n.network.links.values()]).filter((l) => l.kind === 'nic').flatMap((l) => l.addresses).find((a) => cidrContains(`${a.address}/${a.prefixLength}`, address))
  if (onWire) return refused('it belongs to the network of the nodes')
  // who is on the wire of the external machine finds it by itself
  const near = nic.addresses.some((a) => a.address.includes(':') === (family === 6) && cidrContains(`${a.address}/${a.prefixLength}`, address))
  const others = near ? [] : cluster.networks().filter((n) => n.kind === 'outside' && n !== network && [...n.links.values()].some((l) => l.addresses.some((a) => cidrContains(`${a.address}/${a.prefixLength}`, via))))
  lender?.removeAddress('lo', host)
  network.addAddress('lo', host)
  for (const other of others) other.routes.add({ destination: host, via })
  return {
    release() {
      for (const other of others) other.routes.remove({ destination: host, via })
      network.removeAddress('lo', host)
      lender?.addAddress('lo', host)
    },
  }
}
