import type { IpipLink, NetworkNamespace } from '../../../engine/cluster.ts'
import { addLink } from './add-link.ts'
import { nextWord, permit, Refusal, verbOf, type Options } from './common.ts'

/** ip-tunnel(8), for IP in IP. */
export function tunnel(network: NetworkNamespace, args: string[], options: Options): string {
  const verb = verbOf(args, ['show', 'add', 'delete', 'change', 'prl', '6rd'], 'tunnel')
  switch (verb) {
    case 'show': {
      const name = args[0] === 'name' || args[0] === 'dev' ? args[1] : args[0]
      if (name !== undefined && !network.links.has(name)) return ''
      return [...network.links.values()].filter((l) => l.kind === 'ipip' && (name === undefined || l.name === name)).map((l) => `${line(l as IpipLink)}\n`).join('')
    }
    case 'add': {
      const at = args.findIndex((word) => word === 'mode')
      const mode = at < 0 ? undefined : args.splice(at, 2)[1]
      if (mode === undefined) throw new Refusal('cannot determine tunnel mode (ipip, gre, vti or sit)\n', 1)
      if (mode !== 'ipip' && mode !== 'ip/ip' && mode !== 'any') throw new Refusal(`podhop: not simulated: ip tunnel mode ${mode} (use mode ipip)\n`, 69)
      if (args[0] === 'name') args.shift()
      return addLink(network, [nextWord(args), 'type', 'ipip', ...args], options)
    }
    case 'delete': {
      const name = args[0] === 'name' ? args[1] : args[0]
      const link = network.links.get(name ?? '')
      if (link?.kind !== 'ipip') throw new Refusal(`delete tunnel "${name ?? ''}" failed: No such device\n`, 1)
      permit(options)
      network.removeLink(link.name)
      return ''
    }
    default: throw new Refusal(`podhop: not simulated: ip tunnel ${verb} (use show, add or delete)\n`, 69)
  }
}

/** iptunnel.c, print_tunnel */
function line(t: IpipLink): string {
  const device = t.underlay ? ` dev ${t.underlay}` : ''
  return `${t.name}: ${t.fallback ? 'any' : 'ip'}/ip remote ${t.remote ?? 'any'} local ${t.local ?? 'any'}${device} ttl ${t.ttl || 'inherit'}${t.pmtudisc ? '' : ' nopmtudisc'}`
}
