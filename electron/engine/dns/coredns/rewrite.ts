import type { Task } from '../../machine/task.ts'
import { DNS_RCODES, DNS_TYPES, type DnsEdnsOption, type DnsMessage, type DnsRecord } from '../../network/wire/dns.ts'
import { absoluteName } from '../names.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'
import { goRegExp } from './go-regexp.ts'
import { ednsRule, type EdnsRule, type EdnsSurroundings } from './rewrite-edns0.ts'

/** CoreDNS' rewrite plugin: the question is another one inside, and the answer is put back (plugin/rewrite). */
export type RewriteRule = {
  /** Go on with the next rule after this one. */
  continues: boolean
  /** The question as this rule makes it, and what is done to each record of the answer; undefined: it does not match. */
  apply(question: Question): (Question & { answer: AnswerRule[]; target?: TargetRule }) | undefined
  /** Instead: what it makes of the options of EDNS. */
  edns?: EdnsRule
}
interface Question { name: string; type: string; class?: string }
/** Where a CNAME of the answer leads instead; undefined: where it did. */
type TargetRule = (target: string) => string | undefined
type AnswerRule = (record: DnsRecord, reply: DnsMessage) => DnsRecord

/** A rule that cannot be; the message follows "plugin/rewrite: ". */
export class RewriteError extends Error {}

export class RewritePlugin implements DnsPlugin {
  readonly name = 'rewrite'
  readonly #rules: readonly RewriteRule[]
  readonly #context: PluginContext

  constructor(context: PluginContext, rules: readonly RewriteRule[]) {
    this.#context = context
    this.#rules = rules
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    let question: Question = { name: request.name, type: request.type }
    const answer: AnswerRule[] = []
    const targets: TargetRule[] = []
    let kind = request.query.questions[0]?.class ?? 'IN'
    let matched = false
    let { edns } = request.query
    const reverts: ((options: readonly DnsEdnsOption[]) => DnsEdnsOption[])[] = []
    for (const rule of this.#rules) {
      if (rule.edns) {
        const changed = rule.edns({ ...request, query: edns ? { ...request.query, edns } : request.query })
        if (!changed) continue
        matched = true
        edns = changed.edns
        if (changed.revert) reverts.push(changed.revert)
        if (!rule.continues) break
        continue
      }
      const result = rule.apply({ name: question.name.toLowerCase(), type: question.type, class: kind })
      if (!result) continue
      matched = true
      question = { name: result.name, type: result.type }
      kind = result.class ?? kind
      answer.push(...result.answer)
      if (result.target) targets.push(result.target)
      if (!rule.continues) break
    }
    if (!matched) return yield* next()
    const original = request.query.questions
    const inner = { ...request.query, ...(edns ? { edns } : {}), questions: original.map((q, i) => (i === 0 ? { ...q, name: question.name, type: question.type, class: kind } : q)) }
    let reply = yield* next({ ...request, name: question.name, type: question.type, query: inner })
    for (const target of targets) reply = reply && (yield* this.#elsewhere(reply, target, question.type, request.client))
    if (!reply) return undefined
    const result: DnsMessage = { ...reply, questions: original }
    // what comes back of the question itself is what is known here
    if (edns && reply.edns?.options === edns.options) result.edns = { ...reply.edns, options: this.#context.echoed(edns.options) }
    if (result.edns && reverts.length > 0) result.edns = { ...result.edns, options: reverts.reduceRight((options, revert) => revert(options), [...result.edns.options]) }
    const backwards = [...answer].reverse()
    const put = (records: readonly DnsRecord[]): DnsRecord[] => records.map((r) => backwards.reduce((record, rule) => rule(record, result), r))
    return Object.assign(result, { authorities: put(reply.authorities), answers: put(reply.answers), additionals: put(reply.additionals) })
  }

  /** The first alias that leads elsewhere now, and what is there. */
  *#elsewhere(reply: DnsMessage, rule: TargetRule, type: string, client: DnsRequest['client']): Task<DnsMessage> {
    for (const [i, record] of reply.answers.entries()) {
      const target = record.data.type === 'CNAME' ? rule(record.data.target) : undefined
      if (target === undefined || record.data.type !== 'CNAME') continue
      const found = yield* this.#context.lookup(target, type, client)
      if (!found) return reply
      const before = reply.answers.slice(0, i).filter((r) => r.data.type === 'CNAME')
      return { ...reply, truncated: found.truncated, answers: [...before, { ...record, data: { type: 'CNAME', target } }, ...found.answers] }
    }
    return reply
  }
}

const renamed = (rewrite: (name: string) => string): AnswerRule => (record) => ({ ...record, name: rewrite(record.name) })
const revalued = (rewrite: (name: string) => string): AnswerRule => (record) => {
  const { data } = record
  if (data.type === 'SRV' || data.type === 'CNAME' || data.type === 'NS' || data.type === 'PTR') return { ...record, data: { ...data, target: rewrite(data.target) } }
  if (data.type === 'MX') return { ...record, data: { ...data, exchange: rewrite(data.exchange) } }
  return data.type === 'SOA' ? { ...record, data: { ...data, primary: rewrite(data.primary) } } : record
}

export function parseRewrite(args: readonly string[], surroundings: EdnsSurroundings): RewriteRule {
  const first = args[0]?.toLowerCase()
  const moded = first === 'continue' || first === 'stop'
  const continues = first === 'continue'
  const rest = moded ? args.slice(1) : args
  const [kind, ...values] = rest
  if (kind === undefined) throw new RewriteError(moded ? `${first} rule must begin with a rule type` : 'no rule type specified for rewrite')
  switch (kind.toLowerCase()) {
    case 'name':
      return { continues, apply: nameRule(values) }
    case 'type':
      return { continues, apply: typeRule(values) }
    case 'ttl':
      return { continues, apply: ttlRule(values) }
    case 'rcode':
      return { continues, apply: rcodeRule(values) }
    case 'answer':
      throw new RewriteError('response rewrites must begin with a name rule')
    case 'class':
      return { continues, apply: classRule(values) }
    case 'cname':
      return { continues, apply: cnameRule(values) }
    case 'edns0':
      try {
        return { continues, apply: () => undefined, edns: ednsRule(values, surroundings) }
      } catch (error) {
        throw new RewriteError((error as Error).message)
      }
    default:
      throw new RewriteError(`invalid rule type ${JSON.stringify(args[0])}`)
  }
}

type Matcher = (name: string) => boolean

/** exact, prefix, suffix, substring or regex, for the rules that do not change the name. */
function matcher(how: string, pattern: string, rule: string): Matcher {
  const text = absoluteName(pattern).toLowerCase()
  switch (how) {
    case 'exact':
      return (name) => name === text
    case 'prefix':
      return (name) => name.startsWith(text)
    case 'suffix':
      return (name) => name.endsWith(text)
    case 'substring':
      return (name) => name.includes(text)
    case 'regex': {
      const regex = compile(pattern, `invalid regex pattern in a ${rule} rule: ${pattern}`)
      return (name) => regex.test(name)
    }
    default:
      throw new RewriteError(`${rule} rule supports only exact, prefix, suffix, substring, and regex name matching`)
  }
}

function compile(pattern: string, problem: string): RegExp {
  try {
    return goRegExp(pattern)
  } catch {
    throw new RewriteError(problem)
  }
}

function checked(from: string, to: string): RegExp {
  const regex = compile(from, `invalid regex matching pattern: ${from}`)
  const groups = new RegExp(`${regex.source}|`).exec('')!.length - 1
  const used = new Set([...to.matchAll(/\{(\d{1,3})\}/g)].map((m) => m[1])).size
  if (used > groups) throw new RewriteError(`the rewrite regex pattern (${to}) uses more subexpressions than its corresponding matching regex pattern (${from})`)
  return regex
}

function filled(template: string, match: RegExpExecArray): string {
  return template.replace(/\{(\d+)\}/g, (whole, n: string) => match[Number(n)] ?? whole)
}

function nameRule(args: readonly string[]): RewriteRule['apply'] {
  if (args.length < 2) throw new RewriteError('too few arguments for a name rule')
  const how = args.length === 2 ? 'exact' : args[0]!.toLowerCase()
  const [from, to] = (args.length === 2 ? args : args.slice(1)) as [string, string]
  if (!['exact', 'prefix', 'suffix', 'substring', 'regex'].includes(how)) throw new RewriteError('name rule supports only exact, prefix, suffix, substring, and regex name matching, received: ' + how)
  const answers = args.length > 3 ? answerRules(how, args.slice(3)) : { auto: false, rules: [] }
  const source = how === 'regex' ? from : absoluteName(from).toLowerCase()
  const target = absoluteName(to).toLowerCase()
  const regex = how === 'regex' ? checked(source, target) : undefined
  if (how === 'suffix') {
    const back = (name: string): string => (name.endsWith(target) ? name.slice(0, name.length - target.length) + source : name)
    const rules = answers.auto ? [renamed(back), revalued(back), ...answers.rules] : answers.rules
    return ({ name, type }) => (name.endsWith(source) ? { name: name.slice(0, name.length - source.length) + target, type, answer: rules } : undefined)
  }
  const change = (name: string): string | undefined => {
    if (regex) {
      const match = regex.exec(name)
      return match ? filled(target, match) : undefined
    }
    if (how === 'exact') return name === source ? target : undefined
    if (how === 'prefix') return name.startsWith(source) ? target + name.slice(source.length) : undefined
    return name.includes(source) ? name.replaceAll(source, target) : undefined
  }
  return ({ name, type }) => {
    const changed = change(name)
    if (changed === undefined) return undefined
    if (how !== 'exact' && !answers.auto) return { name: changed, type, answer: answers.rules }
    const back = (value: string): string => (value === changed ? name : value.endsWith(`.${changed}`) ? value.slice(0, value.length - changed.length) + name : value)
    return { name: changed, type, answer: [renamed(back), revalued(back), ...answers.rules] }
  }
}

function answerRules(name: string, args: readonly string[]): { auto: boolean; rules: AnswerRule[] } {
  if (args.length < 2) throw new RewriteError(`invalid arguments for ${name} rule`)
  const rules: AnswerRule[] = []
  let auto = false
  let names = 0
  let last = ''
  for (let at = 0; at < args.length; ) {
    if (last === '' && args[at] !== 'answer') throw new RewriteError(`exceeded the number of arguments for a non-answer rule argument for ${name} rule`)
    if (args[at] === 'answer') at++
    if (at >= args.length) throw new RewriteError(`type missing for answer rule for ${name} rule`)
    last = args[at++]!
    if (last === 'auto') {
      auto = true
      continue
    }
    if (last !== 'name' && last !== 'value') throw new RewriteError(`invalid type ${JSON.stringify(last)} for answer rule for ${name} rule`)
    const [from, to] = [args[at], args[at + 1]]
    if (from === undefined || to === undefined) throw new RewriteError(`${last} answer rule for ${name} rule: 2 arguments required`)
    let regex
    try {
      regex = checked(from, to)
    } catch (error) {
      throw new RewriteError(`${last} answer rule for ${name} rule: ${(error as Error).message}`)
    }
    const target = absoluteName(to).toLowerCase()
    const back = (value: string): string => {
      const match = regex.exec(value)
      return match ? filled(target, match) : value
    }
    rules.push(last === 'name' ? renamed(back) : revalued(back))
    if (last === 'name') names++
    at += 2
  }
  if (auto && names > 0) throw new RewriteError('auto name answer rule cannot be combined with explicit name anwer rules')
  return { auto, rules }
}

function typeRule(args: readonly string[]): RewriteRule['apply'] {
  if (args.length !== 2) throw new RewriteError('type rules must have exactly two arguments')
  const [from, to] = args.map((a) => a.toUpperCase()) as [string, string]
  for (const type of [from, to]) if (!(type in DNS_TYPES)) throw new RewriteError(`invalid type "${type}"`)
  return ({ name, type }) => (type === from ? { name, type: to, answer: [] } : undefined)
}

function classRule(args: readonly string[]): RewriteRule['apply'] {
  if (args.length !== 2) throw new RewriteError('class rules must have exactly two arguments')
  const [from, to] = args.map((a) => a.toUpperCase()) as [string, string]
  for (const kind of [from, to]) if (!['IN', 'CS', 'CH', 'HS', 'NONE', 'ANY'].includes(kind)) throw new RewriteError(`invalid class ${JSON.stringify(kind)}`)
  return ({ name, type, class: kind }) => (kind === from ? { name, type, class: to, answer: [] } : undefined)
}

/** The target of a CNAME is another one, and what that has is the answer (cname_target.go). */
function cnameRule(args: readonly string[]): RewriteRule['apply'] {
  if (args.length !== 2 && args.length !== 3) throw new RewriteError(`too few (${args.length}) arguments for a cname rule`)
  const how = args.length === 3 ? args[0]!.toLowerCase() : 'exact'
  if (!['exact', 'prefix', 'suffix', 'substring', 'regex'].includes(how)) throw new RewriteError(`unknown cname rewrite type: ${how}`)
  const [given, wanted] = args.slice(-2).map((a) => a.toLowerCase()) as [string, string]
  const [from, to] = how === 'exact' ? [absoluteName(given), absoluteName(wanted)] : [given, wanted]
  const regex = how === 'regex' ? compile(from, `invalid cname rewrite regex pattern: ${from}`) : undefined
  const target: TargetRule = (name) => {
    if (regex) {
      const match = regex.exec(name)
      return match ? filled(to, match) : undefined
    }
    if (how === 'exact') return name === from ? to : undefined
    if (how === 'prefix') return name.startsWith(from) ? to + name.slice(from.length) : undefined
    if (how === 'suffix') return name.endsWith(from) ? name.slice(0, name.length - from.length) + to : undefined
    return name.includes(from) ? name.replaceAll(from, to) : undefined
  }
  return ({ name, type }) => ({ name, type, answer: [], target })
}

function ttlRule(args: readonly string[]): RewriteRule['apply'] {
  if (args.length < 2) throw new RewriteError(`too few (${args.length}) arguments for a ttl rule`)
  if (args.length > 3) throw new RewriteError('many few arguments for a ttl rule')
  const text = args.at(-1)!
  const range = /^(?:(\d+)|(\d*)-(\d*))$/.exec(text)
  const least = range ? Number(range[1] ?? (range[2] || 0)) : 0
  const most = range ? Number(range[1] ?? (range[3] || 2_147_483_647)) : 0
  if (!range || text === '-' || least > most) throw new RewriteError(`invalid TTL '${text}' for a ttl rule`)
  const fits = args.length === 3 ? matcher(args[0]!.toLowerCase(), args[1]!, 'ttl') : matcher('exact', args[0]!, 'ttl')
  const answer: AnswerRule[] = [(record) => ({ ...record, ttl: Math.min(most, Math.max(least, record.ttl)) })]
  return ({ name, type }) => (fits(name) ? { name, type, answer } : undefined)
}

function rcodeRule(args: readonly string[]): RewriteRule['apply'] {
  if (args.length < 3) throw new RewriteError(`too few (${args.length}) arguments for a rcode rule`)
  if (args.length > 4) throw new RewriteError('many few arguments for a rcode rule')
  const code = (text: string, which: string): string => {
    const found = /^\d+$/.test(text) ? DNS_RCODES[Number(text)] : DNS_RCODES.find((r) => r === text.toUpperCase())
    if (found === undefined) throw new RewriteError(`invalid ${which} RCODE '${text}' for a rcode rule`)
    return found
  }
  const [from, to] = [code(args.at(-2)!, 'matching'), code(args.at(-1)!, 'replacement')]
  const fits = args.length === 4 ? matcher(args[0]!.toLowerCase(), args[1]!, 'rcode') : matcher('exact', args[0]!, 'rcode')
  // with a record only: the plugin looks at nothing else
  const answer: AnswerRule[] = [(record, reply) => {
    if (reply.rcode === from) reply.rcode = to
    return record
  }]
  return ({ name, type }) => (fits(name) ? { name, type, answer } : undefined)
}
