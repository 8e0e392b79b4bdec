import { formatNeighbour, Signal, type NetworkNamespace, type Process, type Task } from '../../../engine/cluster.ts'
import { Refusal, nextWord, requireLink, type Options } from './common.ts'
import { addressEvent, addressState, linkEvent, printRoutes } from './print.ts'
import { ruleRows } from './rule.ts'
import { TableNames } from './tables.ts'

/** ip-monitor(8), iproute2 6.1: what changes while one looks; it ends by a signal. */

const USAGE = `Usage: ip monitor [ all | OBJECTS ] [ FILE ] [ label ] [ all-nsid ]
                  [ dev DEVICE ]
OBJECTS :=  address | link | mroute | neigh | netconf |
            nexthop | nsid | prefix | route | rule | stats
FILE := file FILENAME
`
const SHOWN = ['link', 'address', 'route', 'neigh', 'rule'] as const
const OTHER = ['mroute', 'netconf', 'nexthop', 'nsid', 'prefix', 'stats', 'file', 'all-nsid'] as const
type What = (typeof SHOWN)[number]

/** -t, -ts */
export interface MonitorOptions extends Options { timestamp?: 'long' | 'short' }

const LABELS: Readonly<Record<What, string>> = { link: '[LINK]', address: '[ADDR]', route: '[ROUTE]', neigh: '[NEIGH]', rule: '[RULE]' }

/** Rows by what makes them the same row; `device`: the link that they are of; `state`: what changes of them, where the text also tells of time. */
type Rows = Map<string, { text: string; device?: string; state?: string }>

export function* monitor(process: Process, network: NetworkNamespace, args: string[], options: MonitorOptions): Task<number> {
  const { chosen, labelled, device } = readArguments(network, args)
  const names = new TableNames(process, options.numeric)
  const look = (): Map<What, Rows> => new Map(chosen.map((what) => [what, rowsOf(network, what, names, options.family)]))
  let before = look()
  let seen: string[] = []
  const signal = new Signal()
  const stop = network.onChange(() => {
    const after = look()
    for (const what of chosen) {
      for (const { text, device: of } of differences(network, what, before.get(what)!, after.get(what)!)) {
        if (device === undefined || of === device) seen.push(`${labelled ? LABELS[what] : ''}${device === undefined || what === 'link' || what === 'address' ? text : text.replace(` dev ${device} `, ' ')}`)
      }
    }
    before = after
    if (seen.length > 0) signal.notify()
  })
  try {
    for (;;) {
      while (seen.length > 0) {
        const [rows, stamp] = [seen, timestamp(process.clock.epoch + process.clock.now, options.timestamp)]
        seen = []
        yield* process.print(rows.map((row) => stamp + row).join(''))
      }
      yield signal.wait
    }
  } finally {
    stop()
  }
}

function readArguments(network: NetworkNamespace, args: string[]): { chosen: readonly What[]; labelled: boolean; device?: string } {
  const chosen = new Set<What>()
  let labelled = false
  let device: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    const known = SHOWN.find((what) => what.startsWith(word))
    if (word === 'all') labelled = true
    else if (word === 'label') labelled = true
    else if (word === 'dev') device = requireLink(network, nextWord(args), `Cannot find device "${args[0]}"\n`)
    else if (known) chosen.add(known)
    else if ('help'.startsWith(word)) throw new Refusal(USAGE, 255)
    else if (OTHER.some((what) => what.startsWith(word))) throw new Refusal(`podhop: not simulated: ip monitor ${word} (use ip monitor link, address, route, neigh or rule)\n`, 69)
    else throw new Refusal(`Argument "${word}" is unknown, try "ip monitor help".\n`, 255)
  }
  return { chosen: SHOWN.filter((what) => chosen.size === 0 || chosen.has(what)), labelled, ...(device !== undefined && { device }) }
}

function rowsOf(network: NetworkNamespace, what: What, names: TableNames, family: 4 | 6 | undefined): Rows {
  const rows: Rows = new Map()
  const ofFamily = (ip: string): boolean => family === undefined || ip.includes(':') === (family === 6)
  switch (what) {
    case 'link':
      for (const link of network.links.values()) rows.set(String(link.index), { text: linkEvent(link), device: link.name })
      break
    case 'address':
      for (const link of network.links.values()) for (const a of link.addresses) if (ofFamily(a.address)) rows.set(`${link.index} ${a.address}/${a.prefixLength}`, { text: addressEvent(link, a), device: link.name, state: addressState(link, a) })
      break
    case 'neigh':
      for (const n of network.neighbours.list()) if (ofFamily(n.ip)) rows.set(`${n.ip} ${n.device}`, { text: `${formatNeighbour(n)} \n`, device: n.device })
      break
    case 'rule':
      for (const version of family === undefined ? ([4, 6] as const) : [family]) for (const text of ruleRows(network, version, names)) rows.set(`${version} ${text}`, { text })
      break
    case 'route':
      for (const version of family === undefined ? ([4, 6] as const) : [family]) {
        const text = printRoutes(network, { table: 'all', family: version }, (table) => names.name(table))
        for (const line of text.match(/[^\n]*\n(\t[^\n]*\n)*/g) ?? []) {
          const row = line.replace(/ dead(?= )/g, '').replace(/ linkdown(?= )/g, '')
          // a route that replaces another has its destination, metric and table
          const key = `${/^((?!via |dev |nexthop |scope |proto |table |metric )\S+ )+/.exec(row)?.[0]} ${/ metric \d+/.exec(row)?.[0]} ${/ table \S+/.exec(row)?.[0]}`
          rows.set(version === 6 || rows.has(key) ? `${version} ${row}` : key, { text: row, ...deviceOf(row) })
        }
      }
  }
  return rows
}

const deviceOf = (row: string): { device?: string } => {
  const name = / dev (\S+)/.exec(row)?.[1]
  return name === undefined ? {} : { device: name }
}

function differences(network: NetworkNamespace, what: What, before: Rows, after: Rows): { text: string; device?: string }[] {
  const out: { text: string; device?: string }[] = []
  const gone = [...before].filter(([key]) => !after.has(key)).map(([, row]) => row)
  if (what === 'route') gone.sort((a, b) => leaving(a.text) - leaving(b.text))
  for (const row of gone) {
    const here = row.device !== undefined && network.links.get(row.device)?.up === true
    // the kernel says nothing of IPv4 routes that go with their link
    if (what === 'route' && !here && row.device !== undefined && !row.text.includes(':')) continue
    if (what === 'neigh' && here) {
      const failed = row.text.replace(/ lladdr \S+( router)? \S+ $/m, ' FAILED ')
      out.push({ ...row, text: failed }, { ...row, text: `Deleted ${failed}` })
    } else out.push({ ...row, text: `Deleted ${row.text}` })
  }
  const fresh = [...after].filter(([key, row]) => before.get(key)?.text !== row.text && (row.state === undefined || before.get(key)?.state !== row.state)).map(([, row]) => row)
  if (what === 'route') fresh.sort((a, b) => coming(network, a.text) - coming(network, b.text))
  return [...out, ...fresh]
}

/** fib_frontend.c: an address brings its own route, that of the broadcast address that it was given, its network's, then the usual broadcast. */
function coming(network: NetworkNamespace, text: string): number {
  if (text.startsWith('local ')) return 0
  const broadcast = /^broadcast (\S+) dev (\S+)/.exec(text)
  if (!broadcast) return 2
  return network.links.get(broadcast[2]!)?.addresses.some((a) => a.broadcast === broadcast[1]) ? 1 : 3
}

/** fib_del_ifaddr: the other way round. */
const leaving = (text: string): number => (text.startsWith('local ') ? 2 : text.startsWith('broadcast ') ? 1 : 0)

/** -t and -ts */
function timestamp(at: number, kind: 'long' | 'short' | undefined): string {
  if (kind === undefined) return ''
  const date = new Date(Math.floor(at))
  const micros = String(Math.floor((at % 1000) * 1000)).padStart(6, '0')
  if (kind === 'short') return `[${date.toISOString().slice(0, 19)}.${micros}] `
  const [day, number, month, year] = date.toUTCString().replace(',', '').split(' ')
  return `Timestamp: ${day} ${month} ${String(Number(number)).padStart(2)} ${date.toISOString().slice(11, 19)} ${year} ${micros} usec\n`
}
