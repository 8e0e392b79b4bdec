import { formatIpv4 } from '../address.ts'
import type { Member } from './set.ts'
import type { AnySet, IpSets } from './sets.ts'

/** Sets as ipset(8) 7.17 prints them: plain, as commands (save), as XML. */

export interface ListOptions {
  output: 'plain' | 'save' | 'xml'
  sorted: boolean
  terse: boolean
  namesOnly: boolean
}

export function formatSets(sets: IpSets, names: readonly string[], now: number, options: ListOptions): string {
  if (options.output === 'xml') return `<ipsets>\n${names.map((n) => xml(sets, n, now, options)).join('')}</ipsets>\n`
  if (options.output === 'save') return names.map((n) => save(n, sets.get(n)!, now, options)).join('')
  return names.map((n) => (options.namesOnly ? `${n}\n` : plain(sets, n, now, options))).join(options.namesOnly ? '' : '\n')
}

function header(set: AnySet): string {
  const o = set.options
  const extensions = `${o.timeout === undefined ? '' : ` timeout ${o.timeout}`}${o.counters ? ' counters' : ''}${o.comment ? ' comment' : ''}`
  if (set.type.kind === 'list') return `size ${o.size}${extensions}`
  if (set.type.name === 'bitmap:ip') return `range ${formatIpv4(o.range[0])}-${formatIpv4(o.range[1])}${o.netmask === undefined ? '' : ` netmask ${o.netmask}`}${extensions}`
  if (set.type.kind === 'bitmap') return `range ${o.range[0]}-${o.range[1]}${extensions}`
  return `family ${o.family} hashsize ${set.hashsize} maxelem ${o.maxelem}${o.netmask === undefined ? '' : ` netmask ${o.netmask}`}` +
    `${extensions}${o.forceadd ? ' forceadd' : ''} bucketsize ${o.bucketsize} initval ${initval(o.initval)}`
}

const initval = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`

/** The members' own extensions, in the kernel's order. */
function extensions(set: AnySet, m: Member, now: number): [name: string, value: string | number | undefined][] {
  const { timeout, counters } = set.options
  const out: [string, string | number | undefined][] = []
  if (m.nomatch) out.push(['nomatch', undefined])
  if (m.wildcard) out.push(['wildcard', undefined])
  if (timeout !== undefined) out.push(['timeout', m.until === 0 ? 0 : Math.max(1, Math.floor((m.until - now) / 1000))])
  if (counters) out.push(['packets', m.packets], ['bytes', m.bytes])
  if (m.comment !== '') out.push(['comment', `"${m.comment}"`])
  return out
}

function memberText(set: AnySet, m: Member, now: number): string {
  let text = m.element
  for (const [name, value] of extensions(set, m, now)) text += value === undefined ? ` ${name}` : ` ${name} ${value}`
  return text
}

function plain(sets: IpSets, name: string, now: number, options: ListOptions): string {
  const set = sets.get(name)!
  let out = `Name: ${name}\nType: ${set.type.name}\nRevision: ${set.type.revision}\nHeader: ${header(set)}\nSize in memory: ${set.memory}\n` +
    `References: ${sets.references(name)}\nNumber of entries: ${set.size}\n`
  if (options.terse) return out
  out += 'Members:\n'
  for (const m of set.members(options.sorted)) out += `${memberText(set, m, now)}\n`
  return out
}

/** Names with blanks are quoted, as the tool reads them back. */
function save(name: string, set: AnySet, now: number, options: ListOptions): string {
  const shown = name.includes(' ') ? `"${name}"` : name
  let out = `create ${shown} ${set.type.name} ${header(set)}\n`
  for (const m of set.members(options.sorted)) out += `add ${shown} ${memberText(set, m, now)}\n`
  return out
}

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')

function xml(sets: IpSets, name: string, now: number, options: ListOptions): string {
  if (options.namesOnly) return `<ipset name="${name}">\n</ipset>\n`
  const set = sets.get(name)!
  const words = header(set).split(' ')
  let head = ''
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === 'counters' || word === 'comment' || word === 'forceadd') head += `<${word}/>`
    else head += `<${word}>${words[++i]}</${word}>`
  }
  const elements = (m: Member): string => extensions(set, m, now)
    .map(([key, value]) => (value === undefined ? `<${key}/>` : `<${key}>${escaped(String(value).replace(/^"|"$/g, ''))}</${key}>`)).join('')
  const members = options.terse ? '' : [...set.members(options.sorted)].map((m) => `<member><elem>${m.element}</elem>${elements(m)}</member>\n`).join('')
  return `<ipset name="${name}">\n<type>${set.type.name}</type>\n<revision>${set.type.revision}</revision>\n<header>${head}\n<memsize>${set.memory}</memsize>\n` +
    `<references>${sets.references(name)}</references>\n<numentries>${set.size}</numentries>\n</header>\n` +
    `${options.terse ? '' : `<members>\n${members}</members>\n`}</ipset>\n`
}
