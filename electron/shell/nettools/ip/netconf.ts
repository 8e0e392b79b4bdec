import type { NetworkNamespace } from '../../../engine/cluster.ts'
import { nextWord, requireLink, verbOf, type Options } from './common.ts'
import { writeJson } from './json.ts'
import { selectLinks } from './print.ts'

const RP_FILTER = ['off', 'strict', 'loose']

/** ip-netconf(8): the settings of links that netlink tells of. */
export function netconf(network: NetworkNamespace, args: string[], options: Options): string {
  verbOf(args, ['show'], 'netconf')
  let device: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    device = requireLink(network, word === 'dev' ? nextWord(args) : word, `Cannot find device "${word === 'dev' ? device : word}"\n`)
  }
  const families = options.family === undefined ? ([4, 6] as const) : [options.family]
  const names = device === undefined ? [...selectLinks(network).map((l) => l.name), 'all', 'default'] : [device]
  const rows = families.flatMap((family) => names.map((name) => row(network, family, name)))
  // of one link of one family the kernel's answer is no list, which iproute2 prints as text
  if (options.json && (options.family === undefined || device === undefined)) return writeJson(rows, options.pretty)
  const word = (value: unknown): unknown => (value === true ? 'on' : value === false ? 'off' : value)
  return rows.map(({ family, interface: name, ...settings }) => `${family} ${name} ${Object.entries(settings).map(([key, value]) => `${key} ${word(value)} `).join('')}\n`).join('')
}

function row(network: NetworkNamespace, family: 4 | 6, name: string): { family: string; interface: string } & Record<string, string | boolean> {
  const setting = (key: string): number => Number(network.sysctl(`net.ipv${family}.conf.${name.replaceAll('.', '/')}.${key}`) ?? 0)
  return {
    family: family === 4 ? 'inet' : 'inet6',
    interface: name,
    forwarding: setting('forwarding') !== 0,
    ...(family === 4 ? { rp_filter: RP_FILTER[setting('rp_filter')] ?? 'unknown' } : {}),
    mc_forwarding: setting('mc_forwarding') !== 0,
    proxy_neigh: setting(family === 4 ? 'proxy_arp' : 'proxy_ndp') !== 0,
    ignore_routes_with_linkdown: setting('ignore_routes_with_linkdown') !== 0,
  }
}
