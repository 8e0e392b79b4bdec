import type { Task } from '../../machine/task.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
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

interface TemplateData { Zone: string; Name: string; Class: string; Type: string; Remote: string; Match: readonly string[]; Group: Readonly<Record<string, string>> }
export type TemplateText = (data: TemplateData) => string

/** Undefined where the template wants more than is known here. */
export function parseTemplate(text: string): TemplateText | undefined {
  const parts: TemplateText[] = []
  let at = 0
  for (const match of text.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/g)) {
    const before = text.slice(at, match.index)
    const field = /^\.(Zone|Name|Class|Type|Remote)$/.exec(match[1]!)
    const group = /^\.Group\.([A-Za-z0-9_]+)$/.exec(match[1]!) ?? /^index \.Group "([^"]+)"$/.exec(match[1]!)
    const index = /^index \.Match ([0-9]+)$/.exec(match[1]!)
    if (!field && !group && !index) return undefined
    parts.push(() => before, (data) => (field ? data[field[1] as 'Zone'] : group ? (data.Group[group[1]!] ?? '<no value>') : (data.Match[Number(index![1])] ?? '')))
    at = match.index + match[0].length
  }
  const rest = text.slice(at)
  return (data) => parts.map((part) => part(data)).join('') + rest
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
      if (zone === undefined || (template.type !== 'ANY' && request.type !== 'ANY' && request.type !== template.type)) continue
      const name = request.name.toLowerCase()
      const match = template.match.map((m) => m.exec(name)).find((m) => m !== null)
      if (!match) {
        const { fallthrough } = template
        if (!fallthrough || !(fallthrough.length === 0 || fallthrough.some((z) => isBelow(z, name)))) return replyTo(request.query, { rcode: 'SERVFAIL' })
        continue
      }
      if (template.rcode === 'SERVFAIL') return replyTo(request.query, { rcode: 'SERVFAIL' })
      const group = { ...Object.fromEntries(match.map((m, i) => [String(i), m ?? ''])), ...match.groups }
      const data: TemplateData = { Zone: zone, Name: name, Class: 'IN', Type: request.type, Remote: request.client.address, Match: match.map((m) => m ?? ''), Group: group }
      const records = (texts: readonly TemplateText[]): DnsRecord[] => texts.map((text) => this.#record(text(data)))
      const answers: DnsRecord[] = []
      for (const record of records(template.answer)) {
        answers.push(record)
        if (record.data.type !== 'CNAME' || (request.type !== 'A' && request.type !== 'AAAA')) continue
        answers.push(...((yield* this.#context.lookup(record.data.target, request.type))?.answers ?? []))
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
