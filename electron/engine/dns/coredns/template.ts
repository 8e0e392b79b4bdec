import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
import { own } from '../../own.ts'
import { replyTo } from '../server.ts'
import { DnsFailure, type DnsPlugin, type DnsRequest, type Next, type PluginContext } from './chain.ts'
import { parseRecord } from './record-text.ts'

/** CoreDNS' template plugin: answers made of the question, with Go's text/template as far as fields and `index` go. */
export interface DnsTemplate {
  /** "IN" or "ANY". */
  class: string
  /** "A"; "ANY". */
  type: string
  zones: string[]
  match: RegExp[]
  answer: TemplateText[]
  additional: TemplateText[]
  authority: TemplateText[]
  rcode: string
  fallthrough: string[] | undefined
}

interface TemplateData { Zone: string; Name: string; Class: string; Type: string; Remote: string; Regex: string; Match: readonly string[]; Group: Readonly<Record<string, string>> }
export type TemplateText = (data: TemplateData) => string

const FIELD = /^\.(?:Question\.)?(Zone|Name|Class|Type|Remote|Regex)$/

/** Undefined where the template wants more than is known here. */
export function parseTemplate(text: string): TemplateText | undefined {
  const parts: TemplateText[] = []
  let at = 0
  let trim = false
  const literal = (raw: string, trimEnd: boolean): void => {
    const before = trim ? raw.trimStart() : raw
    const plain = trimEnd ? before.trimEnd() : before
    parts.push(() => plain)
  }
  for (const match of text.matchAll(/\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}/g)) {
    literal(text.slice(at, match.index), match[1] !== undefined)
    const value = readPipeline(match[2]!)
    if (!value) return undefined
    parts.push(value)
    trim = match[3] !== undefined
    at = match.index + match[0].length
  }
  literal(text.slice(at), false)
  return (data) => parts.map((part) => part(data)).join('')
}

function readPipeline(text: string): TemplateText | undefined {
  const number = /^parseInt (\S+|\(.*\)) (\d+) (\d+)$/.exec(text)
  if (number) {
    const of = readPipeline(number[1]!.replace(/^\((.*)\)$/, '$1'))
    return of && ((data) => parseUint(of(data), Number(number[2]), Number(number[3])))
  }
  const field = FIELD.exec(text)
  if (field) return text.startsWith('.Question.') && field[1] !== 'Name' ? undefined : (data) => data[field[1] as 'Zone']
  const group = /^\.Group\.([A-Za-z0-9_]+)$/.exec(text)
  // a field that a map has not is told so; index gives the empty string
  if (group) return (data) => own(data.Group, group[1]!) ?? '<no value>'
  const named = /^index \.Group (?:"([^"]+)"|`([^`]+)`)$/.exec(text)
  if (named) return (data) => own(data.Group, named[1] ?? named[2]!) ?? ''
  const index = /^index \.Match ([0-9]+)$/.exec(text)
  return index ? (data) => data.Match[Number(index[1])] ?? '' : undefined
}

/** strconv.ParseUint */
function parseUint(text: string, base: number, bits: number): string {
  const digits = '0123456789abcdefghijklmnopqrstuvwxyz'.slice(0, base)
  const fits = text !== '' && [...text.toLowerCase()].every((c) => digits.includes(c))
  const value = fits ? [...text.toLowerCase()].reduce((sum, c) => sum * BigInt(base) + BigInt(digits.indexOf(c)), 0n) : 0n
  const problem = !fits ? 'invalid syntax' : value >= 1n << BigInt(bits || 64) ? 'value out of range' : ''
  if (problem) throw new DnsFailure(`template: error calling parseInt: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${problem}`)
  return String(value)
}

export class TemplatePlugin implements DnsPlugin {
  readonly name = 'template'
  readonly #context: PluginContext
  readonly #templates: readonly DnsTemplate[]

  constructor(context: PluginContext, templates: readonly DnsTemplate[]) {
    this.#context = context
    this.#templates = templates
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    for (const template of this.#templates) {
      const zone = template.zones.filter((z) => isBelow(z, request.name)).sort((a, b) => b.length - a.length)[0]
      const asked = request.query.questions[0]?.class ?? 'IN'
      if (zone === undefined || (template.class !== 'ANY' && asked !== 'ANY' && asked !== template.class) || (template.type !== 'ANY' && request.type !== 'ANY' && request.type !== template.type)) continue
      const name = request.name.toLowerCase()
      const regex = template.match.find((m) => m.test(name))
      const match = regex?.exec(name)
      if (!match) {
        const { fallthrough } = template
        if (!fallthrough || !(fallthrough.length === 0 || fallthrough.some((z) => isBelow(z, name)))) return replyTo(request.query, { rcode: 'SERVFAIL' })
        continue
      }
      if (template.rcode === 'SERVFAIL') return replyTo(request.query, { rcode: 'SERVFAIL' })
      const group = { ...Object.fromEntries(match.map((m, i) => [String(i), m ?? ''])), ...match.groups }
      const data: TemplateData = { Zone: zone, Name: name, Class: asked === 'ANY' ? template.class : asked, Type: request.type === 'ANY' ? template.type : request.type, Remote: request.client.address, Regex: regex!.source, Match: match.map((m) => m ?? ''), Group: group }
      const records = (texts: readonly TemplateText[]): DnsRecord[] => texts.map((text) => this.#record(text(data)))
      const answers: DnsRecord[] = []
      for (const record of records(template.answer)) {
        answers.push(record)
        if (record.data.type !== 'CNAME' || (request.type !== 'A' && request.type !== 'AAAA')) continue
        answers.push(...((yield* this.#context.lookup(record.data.target, request.type, request.client))?.answers ?? []))
      }
      return replyTo(request.query, { authoritative: true, rcode: template.rcode, answers, additionals: records(template.additional), authorities: records(template.authority) })
    }
    return yield* next()
  }

  #record(text: string): DnsRecord {
    const record = parseRecord(text)
    if (!record) throw new DnsFailure(`dns: bad record ${JSON.stringify(text)}`)
    return record
  }
}
