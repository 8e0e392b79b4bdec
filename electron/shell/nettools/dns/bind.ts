import { isValidIp, resolveHost, type DnsMessage, type Process, type Task } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { askOnce, queryFor, type Answer, type Question } from './query.ts'

/** What dig, host and nslookup of bind 9.18 have in common (dighost.c): several servers, tries, and their sentences. */
export interface BindQuestion extends Omit<Question, 'server'> {
  servers: readonly string[]
  /** The name as a person wrote it, without a search domain. */
  text: string
  /** Do not ask again over TCP. */
  ignoreTruncation?: boolean
  /** Stop at a server that fails, though there are others. */
  servfailStops?: boolean
}

export interface BindHooks {
  /** Before each try. */
  sending?: (message: DnsMessage) => Task
  truncated?: () => Task
  /** SERVFAIL; `next` if there are further servers. */
  failed?: (server: string, next: boolean) => Task
  /** In place of the words about a server that cannot be asked, or does not answer. `connection`: it was not even connected. */
  unreachable?: (connection: boolean) => Task
}

export type BindAnswer = Answer & { server: string; sent: DnsMessage }
/** `silent`: everything has been said; `code`: and how it ends. */
export type BindFailure = { failure: true; silent: boolean; code?: number }

export function* askServers(process: Process, question: BindQuestion, hooks: BindHooks = {}): Task<BindAnswer | BindFailure> {
  let tries = Math.max(1, question.tries)
  let silent = false
  const plain = { ...question, server: question.servers[0] ?? '127.0.0.1' }
  let sent = queryFor(process, plain)
  for (let i = 0; i < question.servers.length;) {
    const server = question.servers[i]!
    if (hooks.sending) yield* hooks.sending(sent)
    let result = yield* askOnce(process, { ...plain, server }, sent)
    if ('message' in result && result.message.truncated && !plain.tcp && !question.ignoreTruncation) {
      if (hooks.truncated) yield* hooks.truncated()
      plain.tcp = true
      sent = queryFor(process, plain)
      if (hooks.sending) yield* hooks.sending(sent)
      result = yield* askOnce(process, { ...plain, server }, sent)
    }
    if ('message' in result) {
      const next = i + 1 < question.servers.length
      const fails = result.message.rcode === 'SERVFAIL' && !question.servfailStops
      if (fails && hooks.failed) yield* hooks.failed(server, next)
      if (!fails || !next) return { ...result, server, sent }
      i++
      continue
    }
    if (result.failure === 'said') {
      if (result.text !== '') yield* process.print(`;; ${result.text}\n`)
      return { failure: true, silent: true, code: 0 }
    }
    silent = result.failure === 'setup'
    const where = `${server}#${question.port}`
    if (hooks.unreachable) yield* hooks.unreachable(silent)
    else yield* process.print(silent
      ? `;; ${plain.tcp ? 'Connection to' : 'UDP setup with'} ${where}(${server}) for ${bareName(question.text)} failed: ${result.text}.\n;; no servers could be reached\n`
      : `;; communications error to ${where}: ${result.text}\n`)
    if (tries > 1) tries--
    else i++
  }
  return { failure: true, silent }
}

/** The names to try: unlike the C library, bind's tools leave the search list alone for a name that has enough dots (next_origin()). */
export function bindNames(name: string, { search, ndots }: { search: readonly string[]; ndots: number }): string[] {
  return name.endsWith('.') || name.split('.').length > ndots ? [name] : [...search.map((domain) => `${name}.${domain}`), name]
}

/** Names as a person writes them: without the last dot, except the root. */
export const bareName = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''))

/** The addresses of a server that was named. */
export function* serverAddresses(process: Process, word: string): Task<string[]> {
  if (isValidIp(word)) return [word]
  const resolved = yield* resolveHost(process, word)
  return 'error' in resolved ? [] : [...resolved.addresses]
}

/** What is wrong with a name, in the words of isc_result_totext(); undefined if nothing is. */
export function nameFault(name: string): string | undefined {
  if (name === '.') return undefined
  if (name === '') return 'unexpected end of input'
  if (/(^|[^\\])\.\./.test(name) || name.startsWith('.')) return 'empty label'
  const labels = name.replace(/\.$/, '').split('.')
  if (labels.some((label) => label.replace(/\\\d{3}|\\./g, 'x').length > 63)) return 'label too long'
  return labels.join('.').replace(/\\\d{3}|\\./g, 'x').length > 253 ? 'ran out of space' : undefined
}

/** parse_uint() of dighost.c: a whole number, or its sentence. */
export function wholeNumber(text: string, most: number, what: string): number | string {
  if (!/^\d+$/.test(text)) return `invalid ${what} '${text}': not a valid number\n`
  return Number(text) > most ? `invalid ${what} '${text}': out of range\n` : Number(text)
}

const CLASSES: Readonly<Record<string, string>> = byName({ IN: 'IN', CH: 'CH', CHAOS: 'CH', HS: 'HS', HESIOD: 'HS', ANY: 'ANY', NONE: 'NONE' })
/** "ch" → "CH"; undefined for what is no class. */
export const classOf = (word: string): string | undefined => CLASSES[word.toUpperCase()] ?? (/^CLASS\d{1,5}$/i.test(word) ? word.toUpperCase() : undefined)
