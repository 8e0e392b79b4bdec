import { capable, type Link, type Process, type QueueOptions, type Task } from '../../engine/cluster.ts'
import { queueOf } from './ip/print.ts'
import { USAGE, NETEM_USAGE } from './tc-usage.ts'

/** tc(8) of iproute2 6.1: the queue disciplines that links have, and netem with delay, jitter, loss and limit. */
const VERSION = 'tc utility, iproute2-6.1.0, libbpf 1.1.2\n'
const OBJECTS = ['qdisc', 'class', 'filter', 'chain', 'action', 'actions', 'monitor', 'exec']
const KINDS = new Set(['bfifo', 'cake', 'cbs', 'choke', 'clsact', 'codel', 'drr', 'etf', 'ets', 'fq', 'fq_codel', 'fq_pie', 'gred', 'hfsc', 'hhf', 'htb', 'ingress', 'mq', 'mqprio', 'multiq', 'noqueue', 'pfifo', 'pfifo_fast', 'pfifo_head_drop', 'pie', 'plug', 'prio', 'qfq', 'red', 'sfb', 'sfq', 'skbprio', 'taprio', 'tbf', 'teql'])

class TcError extends Error {
  readonly code: number
  constructor(text: string, code: number) {
    super(text)
    this.code = code
  }
}

const kernel = (text: string): TcError => new TcError(`Error: ${text}.\n`, 2)
const notSimulated = (what: string): TcError => new TcError(`podhop: not simulated: ${what} (use tc qdisc with netem delay, loss and limit, or hop fault apply)\n`, 69)
const INCOMPLETE = new TcError('Command line is not complete. Try option "help"\n', 255)

interface Flags { statistics: boolean; json: boolean; pretty: boolean }

export function* tc(process: Process): Task<number> {
  try {
    yield* process.print(run(process, process.argv.slice(1)))
    return 0
  } catch (error) {
    if (!(error instanceof TcError)) throw error
    yield* process.printError(error.message)
    return error.code
  }
}

function run(process: Process, words: string[]): string {
  const flags: Flags = { statistics: false, json: false, pretty: false }
  let i = 0
  for (; words[i]?.startsWith('-'); i++) {
    const flag = words[i]!.replace(/^--?/, '')
    if (flag !== '' && 'Version'.startsWith(flag)) return VERSION
    if (flag !== '' && 'statistics'.startsWith(flag)) flags.statistics = true
    else if (flag === 'j' || flag === 'json') flags.json = true
    else if (flag === 'p' || flag === 'pretty') flags.pretty = true
    else if (flag === 'h' || flag === 'help') throw new TcError(USAGE, 0)
    // there are no more details than these
    else if (flag !== '' && !'details'.startsWith(flag) && !'oneline'.startsWith(flag)) {
      if (/^(r|raw|b|batch|n|netns|N|Numeric|nm|names|cf|conf|br|brief|c|color|f|force|t|timestamp|i|iec)$/.test(flag)) throw notSimulated(`tc -${flag}`)
      throw new TcError(`Option "${words[i]}" is unknown, try "tc -help".\n`, 255)
    }
  }
  const [object, ...rest] = words.slice(i)
  if (object === undefined || object === 'help') throw new TcError(USAGE, object === undefined ? 0 : 255)
  const known = OBJECTS.find((o) => o.startsWith(object))
  if (known === undefined) throw new TcError(`Object "${object}" is unknown, try "tc help".\n`, 1)
  const [command = 'show', ...args] = rest
  if (known !== 'qdisc') {
    // links here have neither classes nor filters
    if ((known === 'class' || known === 'filter' || known === 'chain') && 'show'.startsWith(command.replace(/^(list|lst)$/, 'show'))) {
      const at = args.indexOf('dev')
      if (at >= 0) linkOf(process, args[at + 1])
      return ''
    }
    throw notSimulated(`tc ${[known, ...rest.slice(0, 1)].join(' ')}`)
  }
  if ('show'.startsWith(command) || 'list'.startsWith(command) || command === 'lst') return show(process, args, flags)
  const verb = ['add', 'change', 'replace', 'link', 'delete'].find((v) => v.startsWith(command) || (v === 'delete' && command === 'del'))
  if (verb === undefined || verb === 'link') throw new TcError(`Command "${command}" is unknown, try "tc qdisc help".\n`, 1)
  return change(process, verb as 'add', args)
}

function linkOf(process: Process, name: string | undefined): Link {
  if (name === undefined) throw INCOMPLETE
  const link = process.network.links.get(name)
  if (!link) throw new TcError(`Cannot find device "${name}"\n`, 1)
  return link
}

// ---- qdisc show -----------------------------------------------------------------------------------------------

const FQ_CODEL = 'limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64 '

function show(process: Process, args: readonly string[], { statistics, json, pretty }: Flags): string {
  let only: Link | undefined
  for (let i = 0; i < args.length; i++) {
    if (args[i] === 'dev') only = linkOf(process, args[++i])
    else if (args[i] !== 'root') {
      if (/^(ingress|clsact|handle|parent|invisible)$/.test(args[i]!)) throw notSimulated(`tc qdisc show ${args[i]}`)
      throw new TcError(`What is "${args[i]}"? Try "tc qdisc help".\n`, 255)
    }
  }
  const links = only ? [only] : [...process.network.links.values()].sort((a, b) => a.index - b.index)
  if (json) {
    const list = links.map((link) => ({ kind: queueOf(link), handle: link.qdisc?.handle ?? '0:', ...(only ? {} : { dev: link.name }), root: true, refcnt: 2, options: jsonOptions(link) }))
    return pretty ? `${JSON.stringify(list, null, 8).replace(/^\[\n {8}\{/, '[ {').replace(/\n {8}\},\n {8}\{/g, '\n    },{').replace(/\n {8}\}\n\]$/, '\n    } ]').replace(/\n {16}/g, '\n        ')}\n` : `${JSON.stringify(list)}\n`
  }
  return links.map((link) => {
    const kind = queueOf(link)
    const { qdisc } = link
    const head = `qdisc ${kind} ${qdisc?.handle ?? '0:'} ${only ? '' : `dev ${link.name} `}root refcnt 2 ${qdisc ? netemText(qdisc.options) : kind === 'fq_codel' ? FQ_CODEL : ''}\n`
    const own = kind === 'fq_codel' ? link.statistics : undefined
    const counts = { bytes: qdisc?.sentBytes ?? own?.txBytes ?? 0, packets: qdisc?.sentPackets ?? own?.txPackets ?? 0, dropped: qdisc?.dropped ?? 0 }
    return head + (statistics ? ` Sent ${counts.bytes} bytes ${counts.packets} pkt (dropped ${counts.dropped}, overlimits 0 requeues 0) \n backlog ${qdisc?.waitingBytes ?? 0}b ${qdisc?.waiting ?? 0}p requeues 0\n` : '')
  }).join('')
}

function netemText({ limit, delay, jitter, loss }: QueueOptions): string {
  return `limit ${limit}${delay > 0 ? ` delay ${timeText(delay)}${jitter > 0 ? `  ${timeText(jitter)}` : ''}` : ''}${loss > 0 ? ` loss ${rounded(loss, 6)}%` : ''}`
}

function jsonOptions({ qdisc }: Link): object {
  if (!qdisc) return {}
  const { limit, delay, jitter, loss } = qdisc.options
  return { limit, ...(delay > 0 ? { delay: { delay: delay / 1000, jitter: jitter / 1000, correlation: 0 } } : {}), ...(loss > 0 ? { 'loss-random': { loss: loss / 100, correlation: 0 } } : {}), ecn: false, gap: 0 }
}

const rounded = (value: number, digits: number): string => String(Number(value.toPrecision(digits)))

/** sprint_time() of tc_util.c; from ms. */
function timeText(ms: number): string {
  if (ms >= 1000) return `${rounded(ms / 1000, 3)}s`
  return ms >= 1 ? `${rounded(ms, 3)}ms` : `${Math.round(ms * 1000)}us`
}

// ---- qdisc add, change, replace, delete -----------------------------------------------------------------------

function change(process: Process, verb: 'add' | 'change' | 'replace' | 'delete', args: string[]): string {
  let link: Link | undefined
  let root = false
  let handle: string | undefined
  let kind: string | undefined
  let options: Partial<QueueOptions> | undefined
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (word === 'dev') link = linkOf(process, args[++i])
    else if (word === 'root') root = true
    else if (word === 'handle') {
      const text = args[++i]
      if (text === undefined) throw INCOMPLETE
      if (!/^[0-9a-f]{1,4}:0?$/i.test(text)) throw new TcError(`Error: argument "${text}" is wrong: invalid qdisc ID\n\n`, 255)
      handle = text.replace(/0$/, (zero, at: number) => (text[at - 1] === ':' ? '' : zero))
    } else if (word === 'parent' || word === 'estimator' || word === 'stab' || word === 'ingress_block') throw notSimulated(`tc qdisc ${verb} ${word}`)
    else {
      kind = word
      if (kind === 'netem') options = netemOptions(args.slice(i + 1))
      else if (KINDS.has(kind)) throw notSimulated(`the queue discipline ${kind}`)
      else if (args.length > i + 1) throw new TcError(`Unknown qdisc "${kind}", hence option "${args[i + 1]}" is unparsable\n`, 1)
      break
    }
  }
  if (!capable(process, 'NET_ADMIN')) throw new TcError('RTNETLINK answers: Operation not permitted\n', 2)
  if (!link) throw new TcError('RTNETLINK answers: No such device\n', 2)
  const { qdisc } = link
  if (!root) throw kernel(verb === 'delete' ? 'Classid cannot be zero' : 'Handle cannot be zero')
  if (verb === 'delete') {
    if (kind !== undefined && kind !== queueOf(link)) throw kernel('Invalid qdisc name: must match existing qdisc')
    if (!qdisc) throw kernel('Cannot delete qdisc with handle of zero')
    if (handle !== undefined && handle !== qdisc.handle) throw kernel('Invalid handle')
    link.setQdisc?.('', undefined)
    return ''
  }
  if (kind !== undefined && kind !== 'netem') throw kernel('Specified qdisc kind is unknown')
  if (verb === 'add' && qdisc) throw kernel('Exclusivity flag on, cannot modify')
  if (verb === 'change' && !qdisc) throw kernel('Qdisc not found. To create specify NLM_F_CREATE flag')
  if (kind === undefined) throw kernel('Specified qdisc kind is unknown')
  const wanted: QueueOptions = { limit: 1000, delay: 0, jitter: 0, loss: 0, ...options }
  // in place: what waits goes on waiting
  if (qdisc && verb !== 'add' && (handle === undefined || handle === qdisc.handle)) qdisc.options = wanted
  else link.setQdisc?.(handle ?? freeHandle(process), wanted)
  return ''
}

/** The kernel's own handles begin at 8001. */
function freeHandle(process: Process): string {
  const taken = new Set([...process.network.links.values()].map((link) => link.qdisc?.handle))
  let number = 0x8001
  while (taken.has(`${number.toString(16)}:`)) number++
  return `${number.toString(16)}:`
}

/** q_netem.c; a number behind delay is its jitter. */
function netemOptions(words: readonly string[]): Partial<QueueOptions> {
  const out: Partial<QueueOptions> = {}
  const number = (word: string | undefined): boolean => word !== undefined && /^[0-9.]/.test(word)
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const next = (): string => {
      const value = words[++i]
      if (value === undefined) throw INCOMPLETE
      return value
    }
    switch (word) {
      case 'limit': {
        const text = next()
        if (!/^\d+$/.test(text)) throw new TcError('Illegal "limit"\n', 1)
        out.limit = Number(text)
        break
      }
      case 'latency':
      case 'delay':
        out.delay = time(next(), 'latency')
        if (number(words[i + 1])) out.jitter = time(next(), 'jitter')
        if (number(words[i + 1])) throw notSimulated('the correlation of netem delay')
        break
      case 'loss':
      case 'drop': {
        if (words[i + 1] === 'random') i++
        if (words[i + 1] === 'state' || words[i + 1] === 'gemodel') throw notSimulated(`netem loss ${words[i + 1]}`)
        const text = next()
        const match = /^(\d+(?:\.\d*)?|\.\d+)(%?)$/.exec(text)
        if (!match) throw new TcError('Illegal "loss percent"\n', 1)
        out.loss = Number(match[1])
        if (out.loss > 100) throw new TcError('Illegal "loss percent"\n', 1)
        if (number(words[i + 1])) throw notSimulated('the correlation of netem loss')
        break
      }
      case 'ecn': case 'reorder': case 'corrupt': case 'gap': case 'duplicate': case 'distribution': case 'rate': case 'slot':
        throw notSimulated(`netem ${word}`)
      default:
        throw new TcError(`${word === 'help' ? '' : `What is "${word}"?\n`}${NETEM_USAGE}`, 1)
    }
  }
  return out
}

/** get_time() of tc_util.c: without a unit µs; to ms. */
function time(text: string, what: string): number {
  const match = /^(\d+(?:\.\d*)?|\.\d+)(s|secs?|ms|msecs?|us|usecs?|ns|nsecs?)?$/i.exec(text)
  if (!match) throw new TcError(`Illegal "${what}"\n`, 1)
  const unit = (match[2] ?? 'us')[0]!.toLowerCase()
  return Number(match[1]) * (unit === 's' ? 1000 : unit === 'm' ? 1 : unit === 'u' ? 1e-3 : 1e-6)
}
