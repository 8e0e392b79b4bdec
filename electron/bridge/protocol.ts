import { z } from 'zod'
import type { Inspection, Journey, LaptopFile, PackOffer, Printed, ViewModel } from './view.ts'
import type { Patch } from './patch.ts'

/** The typed contract between a window and its host (design 5.6): nothing else crosses. */

const empty = z.strictObject({})
const id = z.string().min(1).max(200)
/** The bytes of a pack in base64. */
const packData = z.string().max(11_000_000, 'The file is larger than 8 MB.')
const position = z.number().int().min(1).max(1000)

/** A schema for each request's argument; the host validates before it acts. */
export const requestSchemas = {
  /** The whole view model; patches follow from its version on. */
  'session.open': empty,
  'lab.start': z.strictObject({ id }),
  /** A fresh cluster and the lab's setup; passed checks stay passed unless `progress`. */
  'lab.reset': z.strictObject({ progress: z.boolean() }),
  'lab.leave': empty,
  /** A new cluster without a lab, as a cluster file says it (design 5.3); what is wrong with it is the failure's text, a line each. */
  'cluster.create': z.strictObject({ cluster: z.record(z.string().max(50), z.union([z.string().max(200), z.number(), z.array(z.string().max(20)).max(2), z.record(z.string().max(50), z.string().max(50))])) }),
  /** What is in a pack, before it is taken; what is wrong with it is the failure's text, a line each. */
  'pack.offer': z.strictObject({ data: packData }),
  'pack.take': z.strictObject({ data: packData, replace: z.boolean() }),
  'pack.remove': z.strictObject({ id }),
  /** What has passed in all labs, as a file for a trainer; `typed`: with what was typed, for a replay. */
  'results.export': z.strictObject({ student: z.string().min(1).max(100), typed: z.boolean() }),
  'lab.hint': z.strictObject({ check: id }),
  'lab.answer': z.strictObject({ check: id, answer: z.string().max(2000) }),
  /** Opens a lab terminal; a host terminal only where the host allows it. */
  'terminal.open': z.strictObject({ columns: position, rows: position, kind: z.enum(['lab', 'host']).optional() }),
  /** What has been printed so far, for a window that has come back. */
  'terminal.attach': z.strictObject({ id }),
  'terminal.input': z.strictObject({ id, data: z.string().max(1_000_000) }),
  'terminal.resize': z.strictObject({ id, columns: position, rows: position }),
  'terminal.close': z.strictObject({ id }),
  /** Files of the simulated laptop's home, and one of them to be saved on the real machine. */
  'laptop.files': empty,
  'laptop.file': z.strictObject({ path: z.string().min(1).max(4096) }),
  /** Serves the Kubernetes API to the person's own tools, or stops. */
  'tools.connect': z.strictObject({ on: z.boolean() }),
  'clock.pause': z.strictObject({ paused: z.boolean() }),
  'clock.speed': z.strictObject({ speed: z.number().min(0.1).max(100) }),
  /** Moves a paused clock on by `ms`. */
  'clock.step': z.strictObject({ ms: z.number().min(0).max(3_600_000) }),
  /** The words after `hop fault apply`. What is wrong with them is told as a notice. */
  'fault.apply': z.strictObject({ words: z.array(z.string().min(1).max(100)).min(1).max(8) }),
  'fault.clear': z.strictObject({ id }),
  'journey.get': z.strictObject({ id: z.number().int() }),
  'topology.inspect': z.strictObject({ kind: z.enum(['node', 'pod', 'service', 'outside']), id }),
  'explanation.get': z.strictObject({ id }),
} as const

export type RequestName = keyof typeof requestSchemas
export type RequestArgument<N extends RequestName> = z.infer<(typeof requestSchemas)[N]>

export interface RequestResults {
  'session.open': { version: number; view: ViewModel }
  'lab.start': null
  'lab.reset': null
  'lab.leave': null
  'cluster.create': null
  'pack.offer': PackOffer
  'pack.take': null
  'pack.remove': null
  'results.export': { name: string; text: string }
  'lab.hint': null
  'lab.answer': null
  'terminal.open': { id: string }
  /** All that was printed, from the first size that the terminal had to today's. */
  'terminal.attach': { printed: readonly Printed[] }
  'terminal.input': null
  'terminal.resize': null
  'terminal.close': null
  'laptop.files': { files: LaptopFile[] }
  /** `data` in base64. */
  'laptop.file': { name: string; data: string }
  'tools.connect': null
  'clock.pause': null
  'clock.speed': null
  'clock.step': null
  'fault.apply': null
  'fault.clear': null
  'journey.get': Journey | null
  'topology.inspect': Inspection | null
  'explanation.get': { id: string; markdown: string } | null
}

/** The two type maps of the bridge. */
export type Requests = { [N in RequestName]: { argument: RequestArgument<N>; result: RequestResults[N] } }

export interface Events {
  /** Patches from `version - 1` to `version`; a window that missed one opens the session anew. */
  'view.patch': { version: number; patches: Patch[] }
  'terminal.output': { id: string; data: string }
  'terminal.closed': { id: string }
  /** Words for the person at the window. */
  notice: { level: 'info' | 'warning' | 'error'; text: string }
}
export type EventName = keyof Events

const patch = z.strictObject({ path: z.array(z.string()), value: z.unknown().optional() })
export const eventSchemas: { [N in EventName]: z.ZodType } = {
  'view.patch': z.strictObject({ version: z.number().int(), patches: z.array(patch) }),
  'terminal.output': z.strictObject({ id, data: z.string() }),
  'terminal.closed': z.strictObject({ id }),
  notice: z.strictObject({ level: z.enum(['info', 'warning', 'error']), text: z.string() }),
}

/** What travels: the same shapes over Electron IPC and a WebSocket; structured clone and JSON both carry them. */
export type Message =
  | { type: 'request'; id: number; name: RequestName; argument: unknown }
  | { type: 'result'; id: number; result: unknown }
  | { type: 'failure'; id: number; error: string }
  | { type: 'event'; name: EventName; payload: unknown }

export const requestMessage = z.strictObject({
  type: z.literal('request'),
  id: z.number().int(),
  name: z.string(),
  argument: z.unknown(),
})

/** One end of the carrier, on both sides. */
export interface Transport {
  send(message: Message): void
  onMessage(listener: (message: unknown) => void): void
  onClose(listener: () => void): void
}

/** What preload.ts puts on the window in Electron; absent in a browser, which opens a WebSocket instead. */
export interface DesktopBridge {
  send(message: Message): void
  onMessage(listener: (message: unknown) => void): () => void
}
