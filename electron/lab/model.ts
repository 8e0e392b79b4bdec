import { z } from 'zod'
import type { DeclaredImage } from '../engine/cluster.ts'
import { JsonPath } from '../shell/kubectl/jsonpath.ts'

/** A lab as its folder says it (design 5.5). The schema is the format's reference: trainers read its messages. */

const word = z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'expected lower-case letters, digits and dashes')
const text = z.string().min(1)
const works = (make: () => unknown): boolean => {
  try {
    make()
    return true
  } catch {
    return false
  }
}
const namespace = z.string().default('default')
const jsonPath = z.string().regex(/^\{.*\}$/, { error: 'expected a kubectl JSONPath in braces, like {.status.podIP}', abort: true }).refine((path) => works(() => new JsonPath(path)), 'not a kubectl JSONPath')
const expression = z.string().refine((source) => works(() => new RegExp(source)), 'not a regular expression')

/** What a value must be. Several conditions on one value all have to hold. */
const condition = z
  .strictObject({
    path: jsonPath,
    equals: z.union([z.string(), z.number(), z.boolean()]).optional(),
    not: z.union([z.string(), z.number(), z.boolean()]).optional(),
    matches: expression.optional(),
    atLeast: z.number().optional(),
    atMost: z.number().optional(),
    exists: z.boolean().optional(),
  })
  .refine((c) => Object.keys(c).length > 1, 'expected one of equals, not, matches, atLeast, atMost, exists beside path')
export type Condition = z.infer<typeof condition>

const range = z.strictObject({ equals: z.number().int().optional(), atLeast: z.number().int().optional(), atMost: z.number().int().optional() })
export type Range = z.infer<typeof range>

const verdict = z.enum(['delivered', 'refused', 'rejected', 'dropped', 'unreachable', 'timeout'])
const stage = z.enum([
  'send', 'socket', 'route', 'neighbour', 'filter', 'dnat', 'snat', 'undo-nat', 'conntrack', 'bridge', 'veth',
  'encapsulate', 'decapsulate', 'transmit', 'wire', 'receive', 'forward', 'deliver', 'reject', 'drop',
])

const common = {
  id: word,
  title: text,
  /** Checks that must have passed before this one is looked at. */
  needs: z.array(word).default([]),
  /** From a nudge to nearly the answer. */
  hints: z.array(text).default([]),
  /** The sentence for a failing check; `{found}` stands for what was found instead. */
  fail: text,
  /** Values kept when the check passes, for later checks: `{{name}}` in their texts and conditions. */
  remember: z.record(word, jsonPath).optional(),
}

const resourceCheck = z.strictObject({
  ...common,
  kind: z.literal('resource'),
  resource: text,
  namespace,
  name: z.string().optional(),
  selector: z.string().optional(),
  /** How many objects must fulfil `where`; default: at least one. */
  count: range.optional(),
  where: z.array(condition).default([]),
})

/** A connection that the student made since the step began. Patterns: `*` stands for any characters. */
const journeyCheck = z.strictObject({
  ...common,
  kind: z.literal('journey'),
  from: z.string().optional(),
  to: z.string().optional(),
  /** "localhost": any loopback address, of either family. */
  destination: z.string().optional(),
  port: z.number().int().optional(),
  protocol: z.enum(['tcp', 'udp', 'icmp', 'sctp']).optional(),
  program: z.string().optional(),
  /** How it ended; a list: in one of these ways. A packet for a machine that is off is lost on the wire at first (dropped), later nobody answers ARP (unreachable). */
  verdict: z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(verdict).min(1)).default(['delivered']),
  nodes: z.enum(['same', 'different']).optional(),
  /** Stages that its hops must, or must not, have. */
  via: z.array(stage).default([]),
  without: z.array(stage).default([]),
  /** Interfaces that it crossed, for example cbr0. */
  interfaces: z.array(text).default([]),
  /** The server saw the sender's own address: no source NAT. */
  sourceKept: z.boolean().optional(),
  /** How many such connections, and to how many different final destinations. */
  count: range.default({ atLeast: 1 }),
  destinations: range.optional(),
})

const dnsCheck = z.strictObject({
  ...common,
  kind: z.literal('dns'),
  /** The Pod that asks: "ns/pod" or a label selector "ns/app=web". */
  from: text,
  name: text,
  /** Addresses that the answer must hold; `{{name}}` works. Empty: the name must not exist. */
  answers: z.array(z.string()),
})

const traceCheck = z.strictObject({
  ...common,
  kind: z.literal('trace'),
  from: text,
  /** HOST:PORT, as in `hop trace`. */
  destination: text,
  verdict: verdict.default('delivered'),
})

const fileCheck = z.strictObject({
  ...common,
  kind: z.literal('file'),
  /** On the laptop; ~ is the student's home. */
  path: text,
  contains: z.string().optional(),
  matches: expression.optional(),
})

const quizCheck = z
  .strictObject({
    ...common,
    kind: z.literal('quiz'),
    question: text,
    choices: z.array(text).min(2).optional(),
    /** The right choice or word; `{{name}}` works. Compared without case and outer blanks. */
    answer: z.union([text, z.array(text).min(1)]).optional(),
    /** The right answer is what an object holds now. */
    answerFrom: z.strictObject({ resource: text, namespace, name: z.string().optional(), selector: z.string().optional(), path: jsonPath }).optional(),
  })
  .refine((q) => (q.answer === undefined) !== (q.answerFrom === undefined), 'expected exactly one of answer, answerFrom')

const portForwardCheck = z.strictObject({
  ...common,
  kind: z.literal('port-forward'),
  localPort: z.number().int().optional(),
  /** Pattern of kubectl's target argument, for example pod/web or svc/*. */
  target: z.string().default('*'),
  /** It must also have carried a connection. */
  used: z.boolean().default(false),
})

/** For the end of a lab: checks that have passed must hold now. */
const stillCheck = z.strictObject({ ...common, kind: z.literal('still'), checks: z.array(word).min(1) })

const check = z.discriminatedUnion('kind', [
  resourceCheck, journeyCheck, dnsCheck, traceCheck, fileCheck, quizCheck, portForwardCheck, stillCheck,
])
export type Check = z.infer<typeof check>
export type CheckOf<K extends Check['kind']> = Extract<Check, { kind: K }>

const step = z.strictObject({
  title: text,
  /** A Markdown file of the folder. */
  text: text,
  /** Manifests applied when the step begins. */
  setup: z.array(text).default([]),
  checks: z.array(check).min(1),
})
export type Step = z.infer<typeof step>

export const labSchema = z.strictObject({
  id: word,
  title: text,
  summary: text,
  track: text,
  level: z.enum(['beginner', 'intermediate', 'advanced']),
  minutes: z.number().int().min(1).max(600),
  /** A cluster file (design 5.3), inline. */
  cluster: z.record(z.string(), z.unknown()).default({}),
  /** Images that the lab brings along, a file each (images.ts). */
  images: z.array(text).max(20, 'has more than 20 images').default([]),
  /** Manifests applied before the student arrives. */
  setup: z.array(text).default([]),
  /** Files of the folder put into the student's home. */
  files: z.array(text).default([]),
  steps: z.array(step).min(1),
  /** Markdown shown at the end. */
  finish: text,
})
export type LabDefinition = z.infer<typeof labSchema>

/** A lab that has been read whole: its texts are in `files` by path. */
export interface Lab {
  definition: LabDefinition
  files: ReadonlyMap<string, string>
  images: readonly DeclaredImage[]
}

/** A mistake in a lab folder. */
export interface LabProblem {
  file: string
  line: number
  column: number
  message: string
}

export function formatProblem(problem: LabProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`
}
